# The figures: what they are called, what they shall reach, a table, and JSON that parts add to.
package Bench::Report;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(run_parts table_rows);

# Part that measures it, name, key with the keys below it, target; '>' at least, '<' at most.
my @rows = (
    [ 'drain', 'drain, deliveries/s', 'drain_per_s', '> 20000' ],
    [ 'drain', 'bare loop, deliveries/s', 'bare_per_s' ],
    [ 'drain', 'drain / bare loop', 'drain_ratio', '> 0.65' ],
    [ 'drain', 'PostgreSQL, CPU µs a delivery', 'cpu_us_per_delivery.postgres' ],
    [ 'drain', 'dispatcher, CPU µs a delivery', 'cpu_us_per_delivery.dispatcher' ],
    [ 'drain', 'WAL, bytes a delivery', 'wal_bytes_per_delivery' ],
    [ 'mixed', 'push, mail and text 10:5:1, deliveries/s', 'mixed_per_s' ],
    [ 'mixed', 'mixed: PostgreSQL, CPU µs a delivery', 'mixed.cpu_us.postgres' ],
    [ 'mixed', 'mixed: dispatcher, CPU µs a delivery', 'mixed.cpu_us.dispatcher' ],
    [ 'memory', 'dispatcher memory, 1,000 in flight, MB', 'dispatcher_rss_mb', '< 64' ],
    [ 'send', 'send, commits/s, 1 client', 'send_per_s.1' ],
    [ 'send', 'send, commits/s, 8 clients', 'send_per_s.8' ],
    [ 'send', 'send, commits/s, 32 clients', 'send_per_s.32' ],
    [ 'send', 'send to many, recipients/s', 'send_many_per_s', '> 100000' ],
    [ 'send-ratio', 'send / bare INSERT, 32 clients', 'send_ratio_32', '> 0.6' ],
    [ 'send-ratio', 'send, 32 clients: PostgreSQL, CPU µs', 'send_cpu_us.send' ],
    [ 'send-ratio', 'bare INSERT: PostgreSQL, CPU µs', 'send_cpu_us.bare' ],
    [ 'wake-up', 'commit rate with / without wake-up', 'commit_ratio_32', '> 0.95' ],
    [ 'latency', 'latency at 200/s, p50, ms', 'latency_p50_ms', '< 1' ],
    [ 'latency', 'latency at 200/s, p99, ms', 'latency_p99_ms', '< 5' ],
    [ 'stay', 'transactions of 50 ms: latency p50, ms', 'stay_50_ms.latency_p50_ms' ],
    [ 'stay', 'transactions of 50 ms: latency p99, ms', 'stay_50_ms.latency_p99_ms' ],
    [ 'stay', 'transactions of 50 ms: claim p99, ms', 'stay_50_ms.claim_p99_ms' ],
    [ 'fairness', 'nothing waits: login code p50, ms', 'fairness.alone.urgent_p50_ms' ],
    [ 'fairness', 'nothing waits: login code p99, ms', 'fairness.alone.urgent_p99_ms' ],
    [ 'fairness', 'nothing waits: normal message p99, ms', 'fairness.alone.normal_p99_ms' ],
    [ 'fairness', 'beside a backlog: login code p50, ms', 'fairness.backlog.urgent_p50_ms' ],
    [ 'fairness', 'beside a backlog: login code p99, ms', 'fairness.backlog.urgent_p99_ms', '< 50' ],
    [ 'fairness', 'beside a backlog: normal message p50, ms', 'fairness.backlog.normal_p50_ms' ],
    [ 'fairness', 'beside a backlog: normal message p99, ms', 'fairness.backlog.normal_p99_ms' ],
    [ 'fairness', 'the backlog meanwhile, deliveries/s', 'fairness.backlog.others_per_s' ],
    [ 'sustained', 'sustained, single sends and deliveries/s', 'sustained_per_s', '> 11600' ],
    [ 'sustained', 'sustained: waiting, first fifth', 'sustained.depth_start' ],
    [ 'sustained', 'sustained: waiting, last fifth', 'sustained.depth_end' ],
    [ 'sustained', 'sustained: PostgreSQL, CPU µs', 'sustained.cpu_us.postgres' ],
    [ 'sustained', 'sustained: dispatcher, CPU µs', 'sustained.cpu_us.dispatcher' ],
    [ 'sustained', 'sustained: WAL, bytes', 'sustained.wal_bytes' ],
    [ 'flat', 'old snapshot / without: throughput', 'old_snapshot_ratio', '> 0.95' ],
    [ 'flat', 'old snapshot / without: claim p99', 'old_snapshot_claim_ratio', '< 2' ],
    [ 'flat', 'open writer / without: throughput', 'writer_snapshot_ratio', '> 0.95' ],
    [ 'flat', 'open writer / without: claim p99', 'writer_snapshot_claim_ratio', '< 2' ],
    [ 'flat', 'at the end, without: outbox, MB', 'flat.baseline.sizes_mb.outbox' ],
    [ 'flat', 'at the end, without: all tables, MB', 'flat.baseline.sizes_mb.total' ],
    [ 'flat', 'at the end, old snapshot: outbox, MB', 'flat.reader.sizes_mb.outbox' ],
    [ 'flat', 'at the end, old snapshot: all tables, MB', 'flat.reader.sizes_mb.total' ],
    [ 'flat', 'at the end, open writer: outbox, MB', 'flat.writer.sizes_mb.outbox' ],
    [ 'flat', 'at the end, open writer: all tables, MB', 'flat.writer.sizes_mb.total' ],
    [ 'backlog', 'full retry table / empty: claim p99', 'backlog_ratio', '< 2' ],
    [ 'backlog', 'full retry table / empty: throughput', 'backlog_throughput_ratio' ],
    [ 'failing', 'a provider fails / is well: latency p99 of others', 'failing_latency_ratio', '< 1.1' ],
    [ 'growth', 'growth: PostgreSQL CPU, long history / short', 'growth_ratio.postgres_us', '< 1.15' ],
    [ 'growth', 'growth: dispatcher CPU', 'growth_ratio.dispatcher_us', '< 1.15' ],
    [ 'growth', 'growth: WAL', 'growth_ratio.wal_bytes', '< 1.15' ],
    [ 'growth', 'growth: table bytes', 'growth_ratio.table_bytes', '< 1.15' ],
    [ 'dump', 'during pg_dump: longest send, ms', 'dump.send_max_ms', '< 100' ],
    [ 'dump', 'without pg_dump: longest send, ms', 'dump.send_max_without_ms' ],
    [ 'dump', 'during pg_dump: lost', 'dump.lost', '< 0' ],
    (map { template_rows($_->[0], "$_->[1], renders/s") }
          [ sms => 'one line' ], [ mail => 'mail with 20 lines' ], [ table => '500 rows' ],
        [ partials => '30 partials' ]),
    template_rows('parse', 'parsing, MB/s'),
);

# Our template engine and LiquidJS.
sub template_rows
{
    my ($part, $name) = @_;
    return (
        [ $part, $name, "$part.liquid" ],
        [ $part, "$name, LiquidJS", "$part.liquidjs" ],
        [ $part, 'ratio', "$part.ratio", $part eq 'parse' ? () : '> 20' ]);
}

# Runs the parts that were asked for, all by default: [NAME, CODE], the code gets the hash of
# figures. Figures of parts that are not run stay when some are asked for.
sub run_parts
{
    my ($name, $asked, @parts) = @_;
    my %known = map { $_->[0] => 1 } @parts;
    my @unknown = grep { !$known{$_} } @$asked;
    die "bench: no part @unknown; there are: @{[map { $_->[0] } @parts]}\n" if @unknown;
    my $figures = @$asked ? JSON::PP::decode_json($ENV{BENCH_BEFORE} || '{}') : {};
    my @done;
    for my $part (@parts)
    {
        next if @$asked && !grep { $_ eq $part->[0] } @$asked;
        push @done, $part->[0];
        $part->[1]->($figures);
        write_json("$ENV{HERALD_ROOT}/build/$name.json", $figures);
    }
    binmode STDOUT, ':encoding(UTF-8)';
    print "\n";
    printf "%-52s %12s %s\n", @$_[ 1 .. 3 ] for table_rows($figures, @done);
    return;
}

# Part, name, figure and target of what was measured, of some parts or all; missed targets are marked.
sub table_rows
{
    my ($figures, @parts) = @_;
    my %asked = map { $_ => 1 } @parts;
    return map { row($figures, @$_) } grep { !@parts || $asked{ $_->[0] } } @rows;
}

sub row
{
    my ($figures, $part, $name, $path, $target) = @_;
    my $value = $figures;
    $value = ref $value eq 'HASH' ? $value->{$_} : undef for split /\./, $path;
    return unless defined $value;
    my $shown = $value == int $value ? $value : sprintf $value < 10 ? '%.2f' : '%.1f', $value;
    my ($sign, $limit) = ($target // '') =~ /^([<>]) (.*)/ or return [ $part, $name, $shown, '' ];
    my $is_met = $sign eq '>' ? $value >= $limit : $value <= $limit;
    return [ $part, $name, $shown, ($sign eq '>' ? '≥ ' : '≤ ') . $limit . ($is_met ? '' : ' missed') ];
}

sub write_json
{
    my ($file, $figures) = @_;
    open my $handle, '>', $file or die "$file: $!\n";
    print $handle JSON::PP->new->canonical->pretty->encode(rounded($figures));
    close $handle or die "$file: $!\n";
    return;
}

# Three decimals are more than the noise leaves.
sub rounded
{
    my ($value) = @_;
    return { map { $_ => rounded($value->{$_}) } keys %$value } if ref $value eq 'HASH';
    return [ map { rounded($_) } @$value ] if ref $value eq 'ARRAY';
    return $value unless defined $value && $value =~ /^-?[\d.]+(?:e-?\d+)?$/;
    return sprintf('%.3f', $value) + 0;
}

1;
