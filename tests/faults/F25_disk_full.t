# F25: the disk under the tables is full: senders are told, results wait in memory.
use strict;
use warnings;
use Herald::Fault qw(finish_load report_first start_faulty with_preload);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Util qw(wait_for);
use Test::More;
use Time::HiRes qw(sleep time);

my $sign = "$ENV{TESTDIR}/full";
my ($cluster, $sandbox) = start_faulty('F25', conf => "autovacuum = off\n");
local @ENV{qw(HERALD_FULL HERALD_FULL_FOLDER)} = ($sign, $cluster->data_dir . '/base');
with_preload('full', sub { $cluster->restart });
my $dispatcher = start_dispatcher($cluster, $sandbox);

# Requests are under way when the disk fills up; there is no room for what they come to.
$sandbox->script([ { fault => 'delay', delay_ms => 3000 } ]);
my $load = Herald::Load->start($cluster, rate => 100);
wait_for('requests', sub { $sandbox->count >= 200 });
open my $file, '>', $sign or die;
my $bulk = q{select count(herald.notify_send('t', 'r', '{"n": "bulk"}')) from generate_series(1, 5000)};
my ($code, undef, $error) = $cluster->try_sql("\\set VERBOSITY verbose\n$bulk;");
isnt($code, 0, 'sends fail');
like($error, qr/53100.*No space left on device/s, 'and say why');
$dispatcher->wait_for_log(qr/the database does not take them.*53100/, 30);
pass('results wait');
wait_for('senders to be refused', sub { $load->count('E') > 0 });
sleep 3;
$sandbox->script([]);
unlink $sign;
report_first($sandbox, 'F25', time, 10);
my $is = finish_load($cluster, $sandbox, $load, 'F25');
is($is->{repeats}, 0, 'nothing was sent twice');
like($dispatcher->log, qr/the database takes results again/, 'it goes on by itself');
cmp_ok($load->count('E'), '>', 0, 'refused senders knew');
is($dispatcher->stop, 0, 'it ends well');
done_testing();
