# F10: dispatchers that die with a claim before they send, again and again: no failure is counted.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher state_of wait_final);
use Herald::Util qw(wait_for);
use Test::More;

my ($cluster, $sandbox) = start_all('unsent');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});
my $id = $cluster->sql(q{select herald.notify_send('t', 'r', '{"n": 1}')});

# A dispatcher that ends by itself at the named point.
sub die_at
{
    my ($point) = @_;
    my $dispatcher = start_dispatcher($cluster, $sandbox, name => 'brief', notify => 0,
        env => { HERALD_FAIL => "$point=kill" });
    wait_for("the end at $point", sub { !$dispatcher->is_alive });
    return $dispatcher->{status} & 127;
}

# Each takes the claim back from the one before, claims and dies: more often than max_attempts.
is(join(' ', map { die_at('K1') } 1 .. 14), join(' ', (9) x 14), 'fourteen die with a claim that was not sent');
cmp_ok($cluster->sql('select count(*) from herald.attempt where class = $$lease_lost$$'), '>=', 12, 'each is on record');
is($cluster->sql('select failures from herald.outbox'), 0, 'none is a failure');
is(scalar $sandbox->requests, 0, 'nothing was sent');
my $healthy = start_dispatcher($cluster, $sandbox, name => 'healthy');
wait_final($cluster);
is(state_of($cluster, $id), 'sent', 'the first that lives delivers it');
is(scalar $sandbox->requests, 1, 'once');
$healthy->stop;
done_testing();
