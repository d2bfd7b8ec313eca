# F35: serialization failures and deadlocks: daemons repeat, notify_send causes none.
use strict;
use warnings;
use Herald::Fault qw(finish_load settle start_faulty);
use Herald::Fixture qw(add_template start_dispatcher state_of);
use Herald::Load;
use Herald::Process;
use Herald::Util qw(slurp wait_for);
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F35',
    conf => "default_transaction_isolation = 'serializable'\ndeadlock_timeout = '10 s'\n");
my $dispatcher = start_dispatcher($cluster, $sandbox);

# Senders in SERIALIZABLE, with keys, while everything else is at work.
my $load = Herald::Load->start($cluster, senders => 4, rate => 100);
my $before = $sandbox->count;
wait_for('requests', sub { $sandbox->count > $before + 400 });
finish_load($cluster, $sandbox, $load, 'F35');
is($load->count('E'), 0, 'no sender was refused');
is($cluster->sql('show default_transaction_isolation'), 'serializable', 'in serializable transactions');
unlike($dispatcher->log, qr/40001/, 'nor was the dispatcher');

# Two tokens that a record is about to judge, locked by somebody in the other order: the record is
# the victim, for it has the shorter patience. Again, should it judge one after the other.
$cluster->sql(q{alter role dispatcher set deadlock_timeout = '1 s'});
$cluster->sql(q{select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'dispatcher'});
add_template($cluster, 'p', undef, 'push/title' => '{{ n }}', 'push/body' => '{{ n }}');
$sandbox->script([]);
my %env = $cluster->libpq_environment;

# Ends when the record waits, or when it has not for long.
my $watch = q{do $$ declare v_turns integer := 0; begin
    while v_turns < 150 and not exists (select from pg_stat_activity
        where usename = 'dispatcher' and wait_event_type = 'Lock') loop
        perform pg_sleep(0.02), pg_stat_clear_snapshot();
        v_turns := v_turns + 1;
    end loop; end $$};

sub meet_rival
{
    my ($round) = @_;
    for my $n (1, 2)
    {
        $cluster->sql("select herald.notify_recipient('d$round$n');"
              . " select herald.notify_device('d$round$n', 'ios', 'apns', 'dead$round$n' || repeat('0', 58))");
    }
    my @tokens = split /\n/, $cluster->sql(q{select id from herald.device_token where state = 'active' order by id});
    my ($first, $last) = map { "select id from herald.device_token where id = '$_' for update;" } @tokens;
    my $rival = Herald::Process->start("rival$round", [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1',
        map { ('-c', $_) } 'begin isolation level read committed', $last, $watch, $first, 'commit' ],
        env => \%env);
    wait_for('the rival', sub { $cluster->sql(q{select count(*) from pg_stat_activity
        where query like 'do $$ declare v_turns%'}) });
    $cluster->sql(qq{select herald.notify_send('p', 'd${round}1', '{"n": 1}'), herald.notify_send('p', 'd${round}2', '{"n": 2}')});
    wait_for('the rival to end', sub { !$rival->is_alive });
    is($rival->{status}, 0, 'the rival got what it wanted');
    settle($cluster);
    return slurp($cluster->logfile) =~ /deadlock detected/;
}

for my $round (1 .. 5)
{
    last if meet_rival($round);
}
like(slurp($cluster->logfile), qr/deadlock detected/, 'there was a deadlock');
like($dispatcher->log, qr/40P01/, 'and the record was its victim');
is($cluster->sql(q{select count(*) from herald.device_token where state = 'active'}), 0, 'it was repeated');
is($cluster->sql(q{select string_agg(distinct d.attempts::text, ' ') from herald.delivery d where d.channel = 'push'}), '1',
    'without sending again');
is($dispatcher->stop, 0, 'it ends well');
done_testing();
