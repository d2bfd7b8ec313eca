# F10: a dispatcher that dies at every start, twenty times, when it reads its accounts: what waits is
# not charged for it. The systemd unit starts it again after a pause.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Reckoning qw(reckon send_texts);
use Herald::Util qw(slurp wait_for);
use Test::More;

my ($cluster, $sandbox) = start_all('crashloop');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});
send_texts($cluster, 'm1', 10);
my $deaths = 0;
for my $start (1 .. 20)
{
    my $victim = start_dispatcher($cluster, $sandbox, name => 'looping', notify => 0, env => { HERALD_FAIL => 'K8=kill/provider_list' });
    wait_for('its death', sub { !$victim->is_alive });
    $deaths++ if $victim->{status} == 9;
}
is($deaths, 20, 'it has died at twenty starts');
is($cluster->sql(q{select count(*) from herald.outbox}), 10, 'all still wait');
is($cluster->sql(q{select coalesce(sum(attempt + failures), 0) from herald.outbox}), 0, 'and no attempt was charged');
my $dispatcher = start_dispatcher($cluster, $sandbox);
wait_final($cluster);
my $found = reckon($cluster, $sandbox);
is($found->{$_}, 0, "$_: 0") for qw(missing unsent duplicates);
wait_for('the dead to be on record as gone',
    sub { $cluster->sql(q{select count(*) from herald.dispatcher where gone_at is null}) == 1 });
is($dispatcher->stop, 0, 'it ends cleanly');
my $unit = slurp('dispatcher/herald-dispatcher.service');
like($unit, qr/^Restart=on-failure$/m, 'the unit starts it again');
like($unit, qr/^RestartSec=[1-9]/m, 'after a pause');
done_testing();
