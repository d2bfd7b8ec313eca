# F6: a dispatcher stands still for longer than its lease, with requests under way, claims that wait
# and an answer that it has not recorded. When it wakes up it changes nothing and sends nothing of
# what it had claimed; what its providers told it is kept with the attempts.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Reckoning qw(reckon send_texts);
use Herald::Util qw(wait_for);
use Test::More;

my ($slots, $answered, $many) = (10, 3, 30);
my ($cluster, $sandbox) = start_all('stopped');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_setting('lease_s', '5')});
$cluster->sql(qq{select herald.notify_provider(name, kind, channel::text, settings, secrets, rank, $slots)
    from herald.provider where name = 'twilio'});
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});

# The first are answered at once, the others late: it stops itself with results that wait to be
# recorded, a full set of requests under way and claims behind them.
$sandbox->script([
    (map { { match => { body => "Body=m1x$_" }, times => 1, fault => 'delay', delay_ms => 1000 } } 10 .. $many),
    (map { { match => { body => "Body=m1x$_" }, times => 1, fault => 'delay', delay_ms => 1000 } } $answered + 1 .. 9) ]);
send_texts($cluster, 'm1', $many);
my $sleeper = start_dispatcher($cluster, $sandbox, name => 'sleeper', notify => 0,
    env => { HERALD_FAIL => "K7=stop\@$answered" }, args => [ '--name', 'sleeper' ]);
$sleeper->wait_for_log(qr/failpoint K7/);
my $epoch = $cluster->sql(q{select max(epoch) from herald.dispatcher where name = 'sleeper'});
my $claimed = $cluster->sql("select count(*) from herald.outbox where epoch = $epoch");
wait_for('what it has sent', sub { $sandbox->requests >= $slots });
my $sent = $sandbox->requests;
cmp_ok($claimed, '>', $sent, "it stands still with claims that it has not sent ($claimed claimed, $sent sent)");

my $heir = start_dispatcher($cluster, $sandbox, name => 'heir', args => [ '--name', 'heir' ]);
wait_final($cluster, 60);
my $after = $sandbox->requests;
my $snapshot = q{select md5(string_agg(d::text, ',' order by d.id)) from herald.delivery d};
my $before = $cluster->sql($snapshot);

$sleeper->signal('CONT');
$sleeper->wait_for_log(qr/epoch is gone/);
$sleeper->wait_for_log(qr/results refused, their claims were given to others/);
# Those that it wrote into its dead session are counted as repeated, not as refused.
my ($refused) = $sleeper->log =~ /results refused.* count=(\d+)/;
my $kept = "select count(*) from herald.attempt where epoch = $epoch and provider_id is not null";
wait_for('its results to arrive', sub { $cluster->sql($kept) == $sent });
pass("what the provider called its messages is kept with its attempts ($sent)");
cmp_ok($refused, '>=', $sent - $answered, "its results are refused as stale ($refused)");
is($cluster->sql($snapshot), $before, 'they changed no delivery');

# It works again, in a new epoch.
send_texts($cluster, 'm2', 5);
wait_final($cluster);
$heir->stop;
send_texts($cluster, 'm3', 5);
wait_final($cluster);
is(scalar(grep { $_->{body} =~ /Body=m1x/ } $sandbox->requests), $after, 'it sent nothing of what it had claimed');
my $found = reckon($cluster, $sandbox);
is($found->{$_}, 0, "$_: 0") for qw(missing unsent phantom unexplained unclaimed);
cmp_ok($found->{duplicates}, '<=', $sent, "duplicates: $found->{duplicates} of $sent sent before");
is($sleeper->stop, 0, 'it ends cleanly');
done_testing();
