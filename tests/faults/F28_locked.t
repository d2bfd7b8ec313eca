# F28: somebody locks a leaf of the outbox, then a table that every result needs.
use strict;
use warnings;
use Herald::Fault qw(finish_load start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Process;
use Herald::Util qw(wait_for);
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F28');
# What the role sets does not count.
$cluster->sql("alter role dispatcher set $_") for 'lock_timeout = 0', q{statement_timeout = '300 ms'};
$sandbox->script([ { fault => 'delay', delay_ms => 1000 } ]);
my $dispatcher = start_dispatcher($cluster, $sandbox);
my %env = $cluster->libpq_environment;

sub lock_table
{
    my ($table) = @_;
    my $holder = Herald::Process->start("lock-$table", [ 'psql', '-Xqc',
        "begin; lock table herald.$table in access exclusive mode; select pg_sleep(600)" ], env => \%env);
    wait_for("the lock of $table", sub {
        $cluster->sql("select count(*) from pg_locks where relation = 'herald.$table'::regclass"
              . " and mode = 'AccessExclusiveLock' and granted");
    });
    return $holder;
}

sub sessions
{
    return $cluster->sql(q{select count(*) from pg_stat_activity where usename = 'dispatcher'});
}

sub unlock
{
    my ($holder) = @_;
    $cluster->sql(q{select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%'
        and pid <> pg_backend_pid()});
    wait_for('the lock to end', sub { !$holder->is_alive });
    return;
}

# The leaf that is written now, with requests of it under way. Senders wait until the clock is
# at the next leaf; dispatchers go on with that one.
my $load = Herald::Load->start($cluster, senders => 4);
wait_for('requests', sub { $sandbox->count >= 40 });
my $leaf = $cluster->sql(q{select herald.outbox_leaf()});
my $holder = lock_table("outbox_$leaf");
wait_for('the next leaf', sub { $cluster->sql('select herald.outbox_leaf()') != $leaf }, 10);
my $second = Herald::Load->start($cluster);
my $before = $sandbox->count;
wait_for('deliveries of other leaves', sub { $sandbox->count >= $before + 60 }, 30);
my $recorded = q{select count(*) from herald.delivery where state = 'sent'};
my $done = $cluster->sql($recorded);
wait_for('records of other leaves', sub { $cluster->sql($recorded) >= $done + 60 }, 30);
pass('while a leaf is locked, the others go on');
is(sessions(), 4, 'and connections do not pile up');
like($dispatcher->log, qr/results wait for a lock.*leaf $leaf/, 'it is told');
unlock($holder);
$second->stop;
finish_load($cluster, $sandbox, $load, 'F28 leaf');

# The log of attempts: nothing can be recorded, and nothing waits longer than lock_timeout.
$load = Herald::Load->start($cluster);
$before = $sandbox->count;
wait_for('requests', sub { $sandbox->count >= $before + 40 });
$holder = lock_table('attempt');
$dispatcher->wait_for_log(qr/results wait for a lock.*lock timeout/, 20);
sleep 4;
is(sessions(), 4, 'connections do not pile up');
is($cluster->sql(q{select count(*) from pg_stat_activity where usename = 'dispatcher' and wait_event_type = 'Lock'
    and clock_timestamp() - query_start > '4 s'}), 0, 'nothing waits for long');
unlock($holder);
$sandbox->script([]);
my $is = finish_load($cluster, $sandbox, $load, 'F28 attempt');
is($is->{repeats}, 0, 'nothing was sent twice');
is($dispatcher->stop, 0, 'it ends well');
done_testing();
