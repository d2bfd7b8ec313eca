# What most daemon tests start from: accounts at the sandbox, a published template, a dispatcher.
package Herald::Fixture;

use strict;
use warnings;
use Exporter 'import';
use Herald::Cluster;
use Herald::Dispatcher;
use Herald::Sandbox;
use Herald::Util qw(slurp wait_for);
use JSON::PP ();

our @EXPORT_OK = qw(accounts add_template start_all start_dispatcher wait_final state_of);

# Accounts at all six providers: accounts(CLUSTER, SANDBOX).
sub accounts
{
    my ($cluster, $sandbox) = @_;
    my ($url, $dir) = ($sandbox->url, $sandbox->dir);
    my ($email) = slurp("$dir/fcm.json") =~ /"client_email"\s*:\s*"([^"]+)"/;
    my %mail = (from => 'shop@example.org', from_name => 'Shop');
    my @rows = (
        [ 'apns', 'push', { key_id => 'SANDBOXKEY', team_id => 'SANDBOXTEA', topic => 'org.example.app' },
            { private_key => "file:$dir/apns.p8" } ],
        [ 'fcm', 'push', { project_id => 'sandbox', client_email => $email, token_uri => "$url/token" },
            { private_key => "file:$dir/fcm_key.pem" } ],
        [ 'twilio', 'sms', { account_sid => 'AC' . '0' x 32, from => '+15005550006' },
            { auth_token => 'env:TWILIO_AUTH_TOKEN' } ],
        [ 'sendgrid', 'email', {%mail}, { api_key => 'env:SENDGRID_API_KEY' } ],
        [ 'smtp', 'email', { %mail, endpoint => undef, host => 'localhost', port => $sandbox->{ports}{smtp}, username => 'herald' },
            { password => 'env:SMTP_PASSWORD' } ],
        [ 'webhook', 'webhook', { endpoint => undef, allow_addresses => '127.0.0.0/8,::1/128' },
            { secret => 'env:WEBHOOK_SECRET' } ]);
    for my $row (@rows)
    {
        my ($kind, $channel, $settings, $secrets) = @$row;
        my %settings = (endpoint => $url, ca_file => "$dir/ca.pem", %$settings);
        delete $settings{endpoint} unless defined $settings{endpoint};
        $cluster->sql("select herald.notify_provider('$kind', '$kind', '$channel',"
              . " settings => '" . JSON::PP::encode_json(\%settings) . "',"
              . " secrets => '" . JSON::PP::encode_json($secrets) . "')");
    }
    return;
}

# A published template: add_template(CLUSTER, NAME, category or undef, 'sms/text' => 'source', …).
sub add_template
{
    my ($cluster, $name, $category, %parts) = @_;
    my $in = defined $category ? ", category => '$category'" : '';
    $cluster->sql("select herald.notify_template('$name'$in)");
    for my $where (sort keys %parts)
    {
        my ($channel, $part) = split m{/}, $where;
        $cluster->sql("select herald.notify_template_part('$name', '$channel', '$part', "
              . "\$liquid\$$parts{$where}\$liquid\$)");
    }
    $cluster->sql("select herald.notify_template_publish('$name')");
    return;
}

# Cluster, sandbox and accounts; (NAME, cluster options).
sub start_all
{
    my ($name, %with) = @_;
    my $cluster = Herald::Cluster->start_new($name, %with);
    $cluster->sql('create role dispatcher login in role herald_dispatcher');
    my $sandbox = Herald::Sandbox->start;
    accounts($cluster, $sandbox);
    return ($cluster, $sandbox);
}

# A dispatcher that knows the sandbox's secrets: (CLUSTER, SANDBOX, name => …, args => […]).
sub start_dispatcher
{
    my ($cluster, $sandbox, %with) = @_;
    return Herald::Dispatcher->start($cluster,
        user => 'dispatcher', env => { $sandbox->secrets, %{ delete $with{env} // {} } }, %with);
}

# Waits until nothing is pending.
sub wait_final
{
    my ($cluster, $seconds) = @_;
    return wait_for('all deliveries to be final', sub {
        $cluster->sql(q{select count(*) from herald.delivery_status
            where state in ('scheduled', 'held', 'queued', 'claimed', 'retry')}) == 0;
    }, $seconds);
}

# State of the only delivery of a notification.
sub state_of
{
    my ($cluster, $notification) = @_;
    return $cluster->sql(
        "select state from herald.delivery_status where notification = '$notification'");
}

1;
