# F21: the way to PostgreSQL swallows everything and closes nothing. It is noticed, answers that came
# meanwhile are kept and recorded afterwards.
use strict;
use warnings;
use Herald::Fault qw(finish_load report_first start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Proxy;
use Herald::Util qw(wait_for);
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F21');
$sandbox->script([ { fault => 'delay', delay_ms => 1500 } ]);
my $proxy = Herald::Proxy->start($cluster);
my $dispatcher = start_dispatcher($cluster, $sandbox, args => [ '--conninfo', $proxy->conninfo ]);
my $load = Herald::Load->start($cluster);
wait_for('deliveries', sub { $sandbox->count > 20 });

my $start = time;
$proxy->tell('hole');
$dispatcher->wait_for_log(qr/does not answer/, 20);
my $noticed = time - $start;
diag(sprintf 'F21: noticed after %.1f s', $noticed);
cmp_ok($noticed, '<=', 15, 'silence is noticed');
my $sent = $sandbox->count;
sleep 6;
is($sandbox->count, $sent, 'nothing is sent that might be others\' by now');
$proxy->tell('pass');
report_first($sandbox, 'F21', time, 15);
my $is = finish_load($cluster, $sandbox, $load, 'F21');
is($is->{repeats}, 0, 'what was answered meanwhile was recorded afterwards');

# One that is past the lease is fenced: another dispatcher has its claims.
$load = Herald::Load->start($cluster);
$cluster->sql(q{select herald.notify_setting('lease_s', '3')});
$start = $sandbox->count;
wait_for('deliveries', sub { $sandbox->count > $start + 20 });
$proxy->tell('hole');
my $heir = start_dispatcher($cluster, $sandbox, name => 'heir');
wait_for('the fence', sub { $cluster->sql(q{select count(*) from herald.dispatcher where gone_at is not null}) > 0 }, 40);
$proxy->tell('pass');
$dispatcher->wait_for_log(qr/epoch is gone/, 40);
finish_load($cluster, $sandbox, $load, 'F21 past the lease');
is($_->stop, 0, 'a dispatcher ends well') for $dispatcher, $heir;
done_testing();
