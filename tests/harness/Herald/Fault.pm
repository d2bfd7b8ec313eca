# What the fault tests share: a cluster that behaves as in production, a load, and how it ends.
package Herald::Fault;

use strict;
use warnings;
use Exporter 'import';
use Herald::Fixture qw(add_template start_all start_dispatcher);
use Herald::Load qw(first_after judge);
use Herald::Util qw(wait_for);
use List::Util qw(max);
use Test::More;

our @EXPORT_OK = qw(backend count_pending finish_load report_first settle start_faulty with_preload);

# As Herald::Fixture::start_all, with template t and recipient r. The server comes back after a crash
# and syncs what it commits; every other answer of the provider is late, so that requests are always
# under way.
sub start_faulty
{
    my ($name, %with) = @_;
    my $conf = delete $with{conf} // '';
    my ($cluster, $sandbox) = start_all($name, %with,
        conf => "restart_after_crash = on\nfsync = on\nlog_connections = on\nlog_statement = none\n$conf");
    add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
    $cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});
    $sandbox->script([ { percent => 50, fault => 'delay', delay_ms => 300 } ]);
    return ($cluster, $sandbox);
}

# Runs code; programs that it starts load a library of tests/harness/shim.
sub with_preload
{
    my ($library, $code) = @_;
    local $ENV{LD_PRELOAD} = "$ENV{HERALD_TESTS}/harness/shim/$library.so";
    return $code->();
}

# Process id of the only dispatcher's session, or undef: backend(CLUSTER, 'record').
sub backend
{
    my ($cluster, $role) = @_;
    my $pid = eval {
        $cluster->sql("select pid from pg_stat_activity where application_name like 'herald-dispatcher % $role'");
    };
    return $pid ? $pid : undef;
}

# Deliveries that are not final; undef while the database does not answer.
sub count_pending
{
    my ($cluster) = @_;
    return eval {
        $cluster->sql(q{select count(*) from herald.delivery_status
            where state in ('scheduled', 'held', 'queued', 'claimed', 'retry')});
    };
}

# Waits until everything is final, whether or not the database answers all the time.
sub settle
{
    my ($cluster, $seconds) = @_;
    return wait_for('all deliveries to be final', sub { (count_pending($cluster) // 1) == 0 }, $seconds // 60);
}

# Reports when the first delivery came after a fault ended, and demands that it came soon.
sub report_first
{
    my ($sandbox, $fault, $time, $limit) = @_;
    my $number = max(0, $sandbox->count - 100);
    my $first = wait_for('a delivery', sub { first_after($sandbox, $time, $number) }, 60);
    diag(sprintf '%s: first delivery %.2f s after it ended', $fault, $first);
    cmp_ok($first, '<=', $limit, "$fault: deliveries go on");
    return $first;
}

# Ends the load and judges it and those before it; the name is for the report.
sub finish_load
{
    my ($cluster, $sandbox, $load, $fault) = @_;
    $load->stop;
    settle($cluster);
    my $is = judge($cluster, $sandbox);
    diag("$fault: " . join ', ', map { "$_ $is->{$_}" } qw(acknowledged unknown lost phantom repeats unexplained));
    return $is;
}

1;
