# F23: PostgreSQL has no connection left, at start and under load.
use strict;
use warnings;
use Herald::Dispatcher;
use Herald::Fault qw(finish_load report_first start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Process;
use Herald::Util qw(wait_for slurp);
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F23', conf => "max_connections = 16\n");
$cluster->sql('create role hog login');

# Everything is taken before it starts.
my %env = $cluster->libpq_environment('hog');
my @hogs = map {
    Herald::Process->start("hog$_", [ 'psql', '-Xqc', 'select pg_sleep(600)' ], env => \%env)
} 1 .. 20;
my $refusals = sub { scalar(() = slurp($cluster->logfile) =~ /too many clients|connection slots are reserved/g) };
wait_for('no connection to be left', sub { $refusals->() >= 4 });
my $dispatcher = start_dispatcher($cluster, $sandbox, notify => 0);
$dispatcher->wait_for_log(qr/connection slots|too many clients/);
my $before = $refusals->();
sleep 5;
my $attempts = $refusals->() - $before;
diag("F23: $attempts attempts in 5 s by four sessions");
cmp_ok($attempts, '<=', 60, 'it backs off');
my @told = $dispatcher->log =~ /(no database session)/g;
cmp_ok(scalar @told, '<=', 2, 'and is not loud about it');
ok($dispatcher->is_alive, 'but waits');
$cluster->sql(q{select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'hog'});
$dispatcher->wait_for_log(qr/msg=ready/);
pass('and is ready when there is room');

# None, then too few, for its role.
my $load = Herald::Load->start($cluster);
my $terminate = q{select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'dispatcher'};
for my $limit (0, 2)
{
    sleep 1;
    $cluster->sql("alter role dispatcher connection limit $limit");
    $cluster->sql($terminate);
    sleep 4;
    $cluster->sql('alter role dispatcher connection limit -1');
    report_first($sandbox, "F23 limit $limit", time, 6);
}
finish_load($cluster, $sandbox, $load, 'F23');
is($dispatcher->stop, 0, 'it ends well');
done_testing();
