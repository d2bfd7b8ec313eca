# A model of the queue: 64 producers with savepoints, rollbacks, prepared transactions and long
# sleepers, three claimers that record at once, and maintenance that rotates the ring. Whatever was
# committed is claimed once. COUNT is the number of rows, roughly.
use strict;
use warnings;
use Herald::Cluster;
use Herald::Util qw(slurp);
use IPC::Run qw(start finish timeout);
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Test::More;

my $count = $ENV{COUNT} // 40_000;
my $producers = 64;
my $batch = 25;
my $claimers = 3;
my $rounds = max(1, int($count / $producers / $batch / 0.8));
my $seconds = 60 + $count / 500;

my $cluster = Herald::Cluster->start_new('claim_model', conf => <<'END');
max_connections = 100
max_prepared_transactions = 80
fsync = off
END
my $send = "select count(*) from herald.notify_send_many('t', (select array_agg('r' || i)"
  . " from generate_series(1, $batch) i), '{}', priority => (array['urgent', 'high', 'normal', 'bulk'])[1 + random() * 3])";

$cluster->sql('call herald.tick()');
$cluster->sql(<<"END");
-- A claimer is one long call, which looks like one that hangs.
select herald.notify_setting('lease_s', '3600');
select herald.notify_template('t');
select herald.notify_template_part('t', 'sms', 'text', 'x');
select herald.notify_template_publish('t');
select count(herald.notify_recipient('r' || i, phone => '+1500555' || 1000 + i)) from generate_series(1, $batch) i;
create table stop ();
create table claimed (id uuid not null, attempt integer not null, claimer integer not null);
create table recorded (applied bigint not null);
create procedure claim_until_stopped(number integer) language plpgsql as \$\$
declare
    v_epoch constant bigint := herald.dispatcher_start('model', '1.0');
    v_empty integer := 0;
    v_rows integer;
begin
    -- Two seconds of finding nothing after the last commit, which is longer than a sweep takes.
    while v_empty < 200 loop
        with taken as materialized (select c.leaf, c.id, c.attempt from herald.claim(v_epoch, 'sms', 100 + number * 150) c),
        noted as (insert into claimed select t.id, t.attempt, number from taken t)
        insert into recorded
        select r.applied
          from (select array_agg(t.leaf) as l, array_agg(t.id) as i, array_agg(t.attempt) as a, count(*)::integer as n from taken t) x
         cross join lateral herald.record(v_epoch, l, i, a, array_fill('sent'::text, array[n]), array_fill('accepted'::text, array[n]),
               array_fill(null::text, array[n]), array_fill(null::text, array[n]), array_fill(null::integer, array[n]),
               array_fill(null::text, array[n]), array_fill(null::text, array[n]), array_fill(null::text, array[n]),
               array_fill(null::bigint, array[n]), array_fill(null::bigint, array[n]), array_fill(null::integer, array[n]),
               array_fill(null::bigint, array[n]), array_fill(null::uuid, array[n]), array_fill(null::text, array[n]),
               array_fill(null::bigint, array[n]), array_fill(null::text, array[n]), array[null::jsonb], herald.unix_us(now())) r
         where n > 0;
        get diagnostics v_rows = row_count;
        commit;
        if v_rows > 0 then
            v_empty := 0;
        else
            perform pg_sleep(0.01);
            v_empty := case when exists (select from pg_class where relname = 'stop') then 0 else v_empty + 1 end;
        end if;
    end loop;
end
\$\$;
END

# What a producer does in a round; the weights make most of it plain.
my %scripts = (
    'plain@10' => "begin;\n$send;\ncommit;\n",
    'autocommit@5' => "$send;\n",
    'short_sleep@4' => "\\set ms random(10, 300)\nbegin;\n$send;\n\\sleep :ms ms\ncommit;\n",
    'long_sleep@1' => "\\set ms random(1500, 4000)\nbegin;\n$send;\n\\sleep :ms ms\n$send;\ncommit;\n",
    'rollback@2' => "begin;\n$send;\nrollback;\n",
    'savepoint@4' => "begin;\n$send;\nsavepoint a;\n$send;\nrollback to a;\nsavepoint b;\n$send;\nrelease b;\ncommit;\n",
    'prepared@3' => "\\set n random(1, 1000000000)\n\\set ms random(0, 1500)\nbegin;\nsavepoint a;\n$send;\nprepare transaction 'c:n';\n"
      . "\\sleep :ms ms\ncommit prepared 'c:n';\n",
    'withdrawn@1' => "\\set n random(1, 1000000000)\nbegin;\n$send;\nprepare transaction 'r:n';\n\\sleep 100 ms\nrollback prepared 'r:n';\n");
my @files;
for my $name (sort keys %scripts)
{
    my ($file, $weight) = split /@/, $name;
    my $path = PostgreSQL::Test::Utils::tempdir() . "/$file.sql";
    open my $handle, '>', $path or die "$path: $!\n";
    print $handle $scripts{$name} =~ s/'([cr]):n'/'$1_:n'/gr;
    close $handle or die "$path: $!\n";
    push @files, '-f', "$path\@$weight";
}

my @at = ('-h', $cluster->host, '-p', $cluster->port);
my @claims = map { my $n = $_; my $out = ''; [ start([ 'psql', '-XAtq', @at, '-d', 'app', '-c', "call claim_until_stopped($n)" ],
        '<', \undef, '>&', \$out, timeout($seconds)), \$out ] } 0 .. $claimers - 1;
my $tick = PostgreSQL::Test::Utils::tempdir() . '/tick.sql';
PostgreSQL::Test::Utils::append_to_file($tick, "call herald.tick()\n\\watch 0.2\n");
my $ticker = start([ 'psql', '-XAtq', @at, '-d', 'app', '-f', $tick ], '<', \undef, '>', '/dev/null', '2>', '/dev/null');

my $report = '';
my $bench = start([ 'pgbench', '-n', '-c', $producers, '-j', 2, '-t', $rounds, @files, @at, 'app' ], '<', \undef, '>&', \$report,
    timeout($seconds));
ok(finish($bench), 'producers are done') or diag($report);
is($cluster->sql('select count(*) from pg_prepared_xacts'), '0', 'nothing stays prepared');
$cluster->sql('drop table stop');
for my $claim (@claims)
{
    ok(finish($claim->[0]), 'a claimer is done') or diag(${ $claim->[1] });
}
$ticker->kill_kill;
cmp_ok($cluster->sql(q{select count(*) from pg_class where relname ~ '^outbox_[0-9]+$' and relfilenode <> oid}),
    '>', 0, 'leaves were rotated');
unlike(slurp($cluster->logfile), qr/WARNING|ERROR/, 'nothing odd is in the log');

my $sent = $cluster->sql('select count(*) from herald.notification');
cmp_ok($sent, '>', $count / 2, "$sent rows were committed");
is($cluster->sql('select count(distinct claimer) from claimed'), $claimers, 'all claimers had some');
is($cluster->sql(q{select count(*) from (select unnest(deliveries) as id from herald.notification
        except all select id from claimed) missed}), '0', '0 missed');
is($cluster->sql(q{select count(*) from (select id from claimed
        except all select unnest(deliveries) from herald.notification) extra}), '0', '0 claimed twice');
is($cluster->sql('select sum(applied) from recorded'), $sent, 'all are recorded');
is($cluster->sql('select count(*) from herald.outbox'), '0', 'the outbox is empty');

$cluster->stop;
done_testing();
