# Senders alone: commits per second, against a bare INSERT, with and without the wake-up.
package Bench::Send;

use strict;
use warnings;
use Bench::Load qw(SEND_SCRIPT median pgbench_rate);
use Bench::Rig;
use Bench::Server qw(RECIPIENTS query reset_traffic server_cpu_us);

use constant ROUNDS => 5;

# Single-row commits; nobody delivers meanwhile.
sub measure
{
    my ($figures, $seconds) = @_;
    for my $clients (1, 8, 32)
    {
        print "send: $clients clients\n";
        $figures->{send_per_s}{$clients} = int pgbench_rate(SEND_SCRIPT, $clients, $seconds);
        reset_traffic();
    }
    print "send: many recipients\n";
    $figures->{send_many_per_s} = int RECIPIENTS * pgbench_rate(
        q{select count(*) from bench_recipients r,
            herald.notify_send_many('bench', r.ids, '{"n": 1}')} =~ s/\s+/ /gr, 2, $seconds);
    reset_traffic();
    return;
}

# A bare INSERT into one table with the same key, of a row as large as those of a send together.
sub measure_ratio
{
    my ($figures, $seconds) = @_;
    query('drop table if exists bench_bare; create table bench_bare
        (id uuid not null, bucket integer not null, body text not null, primary key (id, bucket))');
    query(q{select herald.notify_send('bench', 'bench-0', '{"n": 1}')});
    my $bytes = query(q{select (select pg_column_size(n.*) from herald.notification n)
        + (select pg_column_size(o.*) from herald.outbox o) - pg_column_size(row(herald.new_id(0), 0, ''))});
    my $body = substr 'abcdefghijklmnopqrstuvwxyz' x 100, 0, $bytes;
    my %scripts = (
        send => SEND_SCRIPT,
        bare => '\set r random(0, ' . (RECIPIENTS - 1) . ")\n"
          . "insert into bench_bare values (herald.new_id(:r), :r, '$body');\n");
    my %cpu_us;
    $figures->{send_ratio_32} = ratio('against INSERT', $seconds, qw(send bare), sub {
        my ($mode) = @_;
        my $cpu = server_cpu_us();
        my $rate = pgbench_rate($scripts{$mode}, 32, $seconds);
        push @{ $cpu_us{$mode} }, (server_cpu_us() - $cpu) / ($rate * $seconds);
        query('truncate bench_bare');
        return $rate;
    });
    $figures->{send_cpu_us} = { map { $_ => median(@{ $cpu_us{$_} }) } keys %cpu_us };
    query('drop table bench_bare');
    return;
}

# A dispatcher of another channel is woken by each ring, claims nothing and arms again: the wake-up
# alone is compared with no trigger at all. Sends ring by themselves, too, so then the dispatcher
# stands still; it no longer arms.
sub measure_wake_up
{
    my ($figures, $seconds) = @_;
    my $rig = Bench::Rig->start(dispatcher => [ '--channels', 'push' ]);
    $figures->{commit_ratio_32} = ratio('wake-up', $seconds, qw(enable disable), sub {
        my ($mode) = @_;
        query("alter table herald.outbox_$_ $mode trigger user") for Bench::Server::LEAVES;
        kill { enable => 'CONT', disable => 'STOP' }->{$mode}, $rig->dispatcher->pid;
        return pgbench_rate(SEND_SCRIPT, 32, $seconds);
    });
    kill 'CONT', $rig->dispatcher->pid;
    query("alter table herald.outbox_$_ enable trigger user") for Bench::Server::LEAVES;
    $rig->stop;
    return;
}

# Medians of alternating rounds, long enough that planning in 32 new sessions hardly counts; the first mode's by the second's.
sub ratio
{
    my ($name, $seconds, $first, $second, $measure) = @_;
    my %rates;
    for my $round (1 .. ROUNDS)
    {
        print "$name: round $round of @{[ROUNDS]}\n";
        for my $mode ($round % 2 ? ($first, $second) : ($second, $first))
        {
            push @{ $rates{$mode} }, $measure->($mode);
            reset_traffic();
        }
    }
    return median(@{ $rates{$first} }) / median(@{ $rates{$second} });
}

1;
