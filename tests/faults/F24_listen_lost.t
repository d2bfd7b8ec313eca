# F24: no wake-up comes through: polling alone delivers.
use strict;
use warnings;
use Herald::Fault qw(finish_load start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Process;
use Herald::Proxy;
use Herald::Util qw(wait_for);
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F24');
$sandbox->script([]);
my $proxy = Herald::Proxy->start($cluster);
my $dispatcher = start_dispatcher($cluster, $sandbox, args => [ '--conninfo', $proxy->conninfo ]);

# Seconds from commit to request of lonely sends.
my $number = 0;
sub longest_wait
{
    my @waits;
    for (1 .. 10)
    {
        my $text = 'lonely' . ++$number;
        my $before = $sandbox->count;
        $cluster->sql(qq{select herald.notify_send('t', 'r', '{"n": "$text"}')});
        my $start = time;
        wait_for($text, sub { grep { $_->{body} =~ /Body=$text\b/ } $sandbox->requests($before) }, 20);
        push @waits, time - $start;
        sleep 0.05;
    }
    return max @waits;
}

diag(sprintf 'F24: longest wait %.2f s with wake-ups', longest_wait());
$proxy->tell('mute control');
my $wait = longest_wait();
diag(sprintf 'F24: longest wait %.2f s when no notification arrives', $wait);
cmp_ok($wait, '<=', 5, 'polling delivers');
$proxy->tell('unmute');

# The session that listens is ended again and again, and so is the worker that notifies; another
# listener sleeps in a transaction.
my %env = $cluster->libpq_environment;
my $stuck = Herald::Process->start('stuck', [ 'psql', '-Xq', '-c', 'listen herald_outbox', '-c',
    'begin; select 1; select pg_sleep(600)' ], env => \%env);
my $load = Herald::Load->start($cluster);
for (1 .. 10)
{
    sleep 0.7;
    $cluster->sql(q{select count(pg_terminate_backend(pid)) from pg_stat_activity
        where application_name like 'herald-dispatcher % control' or backend_type = 'pg_herald doorbell'});
}
finish_load($cluster, $sandbox, $load, 'F24');
wait_for('the worker to be back', sub {
    $cluster->sql(q{select herald.notify_send('t', 'r', '{"n": "x"}')});
    $cluster->sql(q{select count(*) from pg_stat_activity where backend_type = 'pg_herald doorbell'});
});
$wait = longest_wait();
diag(sprintf 'F24: longest wait %.2f s afterwards', $wait);
cmp_ok($wait, '<=', 5, 'and wake-ups work again');
$stuck->signal('KILL');
is($dispatcher->stop, 0, 'it ends well');
done_testing();
