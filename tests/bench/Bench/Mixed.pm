# A backlog of all channels in the proportions of a large application: of sixteen messages ten are pushes,
# half of them through APNs and half through FCM, five are mails and one is a text message.
package Bench::Mixed;

use strict;
use warnings;
use Bench::Load qw(fill);
use Bench::Rig;
use Bench::Server qw(RECIPIENTS query reset_traffic server_cpu_us);
use Herald::Util qw(slurp);

# Messages of each template to all recipients, in one round.
my @round = ('bench_push', 'bench_mail', 'bench_push') x 5;
push @round, 'bench';

sub measure
{
    my ($figures, $rows) = @_;
    my $rounds = int($rows / RECIPIENTS / @round) || 1;
    my $total = $rounds * @round * RECIPIENTS;
    print "mixed: $total deliveries\n";
    reset_traffic();
    set_up();
    for my $template ((@round) x $rounds)
    {
        fill(RECIPIENTS, $template);
    }
    my $cpu = server_cpu_us();
    my $rig = Bench::Rig->start;
    add_push_accounts($rig->sandbox);
    $figures->{mixed_per_s} = int($total / ($rig->wait_recorded($total, 600) - $rig->started));
    $figures->{mixed}{cpu_us} = {
        postgres => (server_cpu_us() - $cpu) / $total,
        dispatcher => $rig->cpu / $total };
    $rig->stop;
    my $by_account = query(q{select string_agg(provider || ' ' || n, ', ' order by provider) from (
        select provider, count(*) as n from herald.delivery where state = 'sent' group by provider) d});
    print "mixed: $by_account\n";
    die "bench: not all was sent\n"
      if query(q{select count(*) from herald.delivery where state = 'sent'}) != $total;
    query(q{select herald.notify_provider_remove(name) from herald.provider where channel = 'push'});
    return;
}

sub set_up
{
    query(q{select herald.notify_template('bench_push');
            select herald.notify_template_part('bench_push', 'push', 'title', 'Order {{ n }}');
            select herald.notify_template_part('bench_push', 'push', 'body',
                'Order {{ n }} of {{ recipient.name | default: "you" }} has left our warehouse');
            select herald.notify_template_publish('bench_push')});
    query(q{select count(case when i % 2 = 0
            then herald.notify_device(id, 'ios', 'apns', lpad(to_hex(i), 64, '0'))
            else herald.notify_device(id, 'android', 'fcm', 'bench:' || i) end)
        from bench_recipients cross join unnest(ids) with ordinality r(id, i)});
    return;
}

sub add_push_accounts
{
    my ($sandbox) = @_;
    my $dir = $sandbox->dir;
    my ($email) = slurp("$dir/fcm.json") =~ /"client_email"\s*:\s*"([^"]+)"/;
    my $common = sprintf q{'endpoint', '%s', 'ca_file', '%s/ca.pem'}, $sandbox->url, $dir;
    query(qq{select herald.notify_provider('bench_apns', 'apns', 'push', concurrency => 1000,
        settings => jsonb_build_object($common, 'key_id', 'SANDBOXKEY', 'team_id', 'SANDBOXTEA',
            'topic', 'org.example.app'),
        secrets => '{"private_key": "file:$dir/apns.p8"}')});
    query(qq{select herald.notify_provider('bench_fcm', 'fcm', 'push', concurrency => 1000,
        settings => jsonb_build_object($common, 'project_id', 'sandbox', 'client_email', '$email',
            'token_uri', '${\$sandbox->url}/token'),
        secrets => '{"private_key": "file:$dir/fcm_key.pem"}')});
    return;
}

1;
