# Plans of claim and record do not depend on statistics: index lookups and nested loops, whatever
# PostgreSQL believes about the tables. What differs are empty, fresh and stale statistics.
use strict;
use warnings;
use Herald::Cluster;
use Test::More;

my $cluster = Herald::Cluster->start_new('plans', conf => "autovacuum = off\n");
$cluster->sql('call herald.tick()');
my $fill = q{insert into herald.recipient (id, bucket, phone) select 'r' || i, herald.bucket('r' || i), '+1500' || i
      from generate_series(1, 20000) i on conflict do nothing;
    insert into herald.notification (id, bucket, recipient, template, version, priority, data, locale, sender, created_at, deliveries)
    select herald.new_id(1), 1, 'r', 't', 1, 'normal', '{}', '', 'me', now(), '{}' from generate_series(1, 20000) i;
    insert into herald.outbox_0 (id, bucket, notification, recipient, channel, priority, template, lane, queued_at, created_at)
    select herald.new_id(herald.bucket('r' || i)), herald.bucket('r' || i), herald.new_id(1), 'r' || i, 'sms', 'normal', 't', i % 16,
           clock_timestamp(), now() from generate_series(1, 20000) i;};
my $few = $fill =~ s/20000/3/gr;
my $use = <<'END';
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_level = log;
set client_min_messages = log;
select herald.dispatcher_start('d', '1.0') as epoch \gset
create temp table c as select * from herald.claim(:epoch, 'sms', 500);
select r.* from (select array_agg(leaf) as l, array_agg(id) as i, array_agg(attempt) as a, count(*)::integer as n from c) x
 cross join lateral herald.record(:epoch, l, i, a, array_fill('sent'::text, array[n]), array_fill('accepted'::text, array[n]),
    array_fill(null::text, array[n]), array_fill(null::text, array[n]), array_fill(null::integer, array[n]),
    array_fill(null::text, array[n]), array_fill(null::text, array[n]), array_fill(null::text, array[n]),
    array_fill(0::bigint, array[n]), array_fill(0::bigint, array[n]), array_fill(0, array[n]),
    array_fill(null::bigint, array[n]), array_fill(herald.new_id(1), array[n]), array_fill('retired'::text, array[n]),
    array_fill(null::bigint, array[n]), array_fill('a@example.org'::text, array[n]), array[null::jsonb], herald.unix_us(now())) r;
END

# The plans of the statements inside claim and record, by statement.
sub plans
{
    my ($name) = @_;
    my ($out, $err) = ('', '');
    $cluster->sql($few);
    my $code = $cluster->psql('app', $use, stdout => \$out, stderr => \$err, on_error_die => 0);
    is($code, 0, "$name: claims and records");
    my @found = grep { /Query Text: (with picked|with done|select b\.leaf|select q\.number|select case o\.priority)/ } split /^.*LOG:  duration/m, $err;
    my $look = $cluster->sql('select pg_relation_size($$herald.outbox_0$$) > 32 * 8192') eq 't' ? 'select q.number' : 'select case o.priority';
    for my $statement ('with picked', 'with done', 'select b.leaf', $look)
    {
        ok((grep { /Query Text: \Q$statement\E/ } @found), "$name: the plan of '$statement' is among them");
    }
    return @found;
}

sub check
{
    my ($name) = @_;
    for my $plan (plans($name))
    {
        my ($what) = $plan =~ /Query Text: (\w+ \S+)/;
        my @bad = grep { /Seq Scan|Bitmap|Hash|Merge|Materialize|Gather|JIT/ } split /\n/, $plan;
        is("@bad", '', "$name: $what uses indexes only");
        my @unbound = $plan =~ /(Index Scan using \S+ on .*\n(?!\s*Index Cond))/g;
        is("@unbound", '', "$name: $what looks up by key");
        my @lanes = grep { !/channel = .*priority = .*lane = .*queued_at >= / }
          $plan =~ /Index Scan using outbox_\d+_claim_idx on .*\n\s*Index Cond: (.*)/g if $what !~ /case/;
        is("@lanes", '', "$name: $what looks into one queue at a time");
        my @other = $plan =~ /(Index Scan using outbox_\d+_claim_idx on outbox_\d+ x)/g;
        is("@other", '', "$name: $what finds claims by their ids");
    }
}

check('hardly a row, no statistics');
$cluster->sql('analyze');
check('hardly a row, fresh statistics');
$cluster->sql($fill);
check('20,000 rows, statistics of empty tables');
$cluster->sql('vacuum analyze');
check('20,000 rows, fresh statistics');
$cluster->sql('delete from herald.outbox');
check('drained, statistics of 20,000 rows');
$cluster->sql('truncate herald.outbox_0');
$cluster->sql('update pg_class set reltuples = 1e9, relpages = 1e7 where relnamespace = $$herald$$::regnamespace and relkind = $$r$$');
$cluster->sql($fill);
check('20,000 rows, statistics that are plainly wrong');

$cluster->stop;
done_testing();
