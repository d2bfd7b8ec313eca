# F27: a transaction keeps an old snapshot, so that vacuum removes nothing: what a claim has to read
# does not grow, and it is told. (The bench has the long version.)
use strict;
use warnings;
use Herald::Fault qw(finish_load start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Process;
use Herald::Util qw(wait_for);
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F27');
$sandbox->script([]);
my $dispatcher = start_dispatcher($cluster, $sandbox);
my %env = $cluster->libpq_environment;

# Buffers that an empty claim touches which looks everywhere, in a new session. After one that plans.
my $look = <<'END';
select herald.dispatcher_start('observer', '1.0') as epoch \gset
select * from herald.claim(:epoch, 'sms', 0);
select * from herald.claim(:epoch, 'sms', 1);
select pg_sleep(1.1);
explain (analyze, buffers, costs off, timing off, summary off) select * from herald.claim(:epoch, 'sms', 1);
END

sub buffers
{
    my ($code, $out) = $cluster->psql('app', $look, on_error_die => 1);
    my ($rows) = $out =~ /actual rows=(\d+)/;
    my %count = (hit => 0, read => 0);
    my ($line) = $out =~ /Buffers: shared (.*)/;
    $count{$1} = $2 while $line =~ /(\w+)=(\d+)/g;
    return $count{hit} + $count{read};
}

my $snapshot = Herald::Process->start('snapshot', [ 'psql', '-Xq', '-c',
    'begin isolation level repeatable read; select 1; select pg_sleep(600)' ], env => \%env);
my $send = q{select count(herald.notify_send('t', 'r', '{"n": "x"}')) from generate_series(1, 300)};
my @buffers;
my $start = time;
while (time - $start < 40)
{
    $cluster->sql($send);
    sleep 0.5;
    next unless time - $start > 4 * @buffers;
    wait_for('the queue to drain', sub { $cluster->sql('select count(*) from herald.outbox') == 0 });
    push @buffers, buffers();
}
my $dead = $cluster->sql(q{select count(*) from herald.delivery where state = 'sent'});
diag("F27: $dead sent under the snapshot; buffers of an empty claim: @buffers");
my @early = splice @buffers, 0, @buffers / 2;
cmp_ok(max(@buffers), '<=', 3 * max(@early), 'what a claim reads does not grow');
my $mib = $cluster->sql(q{select sum(pg_total_relation_size(inhrelid)) / 1048576 from pg_inherits
    where inhparent = 'herald.outbox'::regclass});
diag(sprintf 'F27: the outbox takes %.1f MiB', $mib);
cmp_ok($mib, '<', 40, 'nor does the outbox');
$cluster->sql('vacuum');
cmp_ok($cluster->sql(q{select extract(epoch from now() - min(xact_start)) from pg_stat_activity
    where backend_xmin is not null and pid <> pg_backend_pid()}), '>', 30, 'the snapshot is old');
like($cluster->sql(q{select detail from herald.health() where name = 'old_snapshot'}), qr/: [34]\d s$/, 'and it is told');
$snapshot->signal('KILL');
is($dispatcher->stop, 0, 'it ends well');
done_testing();
