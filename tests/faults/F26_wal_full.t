# F26: the disk under the write-ahead log is full: PostgreSQL panics; after there is room again
# nothing is missing.
use strict;
use warnings;
use Herald::Fault qw(finish_load report_first start_faulty with_preload);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Util qw(slurp wait_for);
use Test::More;
use Time::HiRes qw(time);

my $sign = "$ENV{TESTDIR}/full";
my ($cluster, $sandbox) = start_faulty('F26',
    conf => "wal_recycle = off\nmin_wal_size = 32MB\nmax_wal_size = 32MB\n");
local @ENV{qw(HERALD_FULL HERALD_FULL_FOLDER)} = ($sign, $cluster->data_dir . '/pg_wal');
with_preload('full', sub { $cluster->restart });
my $dispatcher = start_dispatcher($cluster, $sandbox);
my $load = Herald::Load->start($cluster);
wait_for('requests', sub { $sandbox->count >= 50 });

# Fill what is left of the segment at hand; the next one cannot be made.
open my $file, '>', $sign or die;
wait_for('a panic', sub {
    eval { $cluster->sql('create table if not exists filler (x text);'
              . ' insert into filler select repeat(md5(i::text), 50) from generate_series(1, 20000) i') };
    slurp($cluster->logfile) =~ /PANIC:.*No space left on device/;
}, 60);
pass('the server panics');
$cluster->stop('immediate', fail_ok => 1);
$cluster->{_pid} = undef;
unlink $sign;
with_preload('full', sub { $cluster->start });
report_first($sandbox, 'F26', time, 4);
finish_load($cluster, $sandbox, $load, 'F26');
ok($dispatcher->is_alive, 'the dispatcher has survived');
is($dispatcher->stop, 0, 'and ends well');
done_testing();
