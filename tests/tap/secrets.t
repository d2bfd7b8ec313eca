# A canary in every secret and address: none may show in logs, metrics, errors, command lines or
# notifications, and no secret in a dump.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(free_port slurp wait_for);
use HTTP::Tiny;
use Test::More;

my ($cluster, $sandbox) = start_all('secrets', conf => 'log_statement = none');
my %secrets = $sandbox->secrets;
my $port = free_port();
my $dispatcher = start_dispatcher($cluster, $sandbox,
    args => [ '--log-level', 'debug', '--metrics', "127.0.0.1:$port" ]);
add_template($cluster, 't', undef,
    'sms/text' => 'CANARYTEXT {{ n }}', 'email/subject' => 'CANARYTEXT', 'email/text' => 'CANARYTEXT',
    'push/title' => 'CANARYTEXT', 'push/body' => 'x', 'webhook/body' => '{"a": "CANARYTEXT"}');
my $token = 'cafe' x 16;
$cluster->sql(q{select herald.notify_recipient('r', email => 'canarymail@example.org', phone => '+15005550019')});
$cluster->sql("select herald.notify_device('r', 'ios', 'apns', '$token', app => 'org.example.app')");
$cluster->sql(q{select herald.notify_device('r', 'android', 'fcm', 'canarytoken:APA91b', app => 'org.example.app')});
$cluster->sql("select herald.notify_device('r', 'webhook', 'webhook', '" . $sandbox->url . "/hooks/canaryhook')");
$cluster->sql(q{select herald.notify_send('t', 'r', '{"n": 1}')});
wait_final($cluster);

# Wrong credentials and a refusing provider make error texts.
$sandbox->script([ { match => { provider => 'twilio' }, times => 1, fault => 'status', status => 500 },
    { match => { provider => 'sendgrid' }, times => 1, fault => 'status', status => 400 } ]);
$cluster->sql(q{select herald.notify_send('t', 'r', '{"n": 2}')});
wait_final($cluster);

my %places = (
    'log of the dispatcher' => $dispatcher->log,
    'log of PostgreSQL' => slurp($cluster->logfile),
    'metrics' => HTTP::Tiny->new->get("http://127.0.0.1:$port/metrics")->{content},
    'command line' => slurp('/proc/' . $dispatcher->pid . '/cmdline'),
    'outcomes' => $cluster->sql(q{select string_agg(concat(a.code, ' ', a.reason, ' ', a.phase), ' ')
        from herald.attempt a}) . $cluster->sql(q{select string_agg(concat(code, ' ', reason), ' ')
        from herald.delivery}),
    'configuration' => $cluster->sql('select string_agg(p::text, chr(10)) from herald.provider p'));
my @canaries = ((values %secrets), 'BEGIN PRIVATE KEY', 'CANARYTEXT', 'canarymail', '+15005550019',
    '15005550019', $token, 'canarytoken', 'canaryhook');
for my $place (sort keys %places)
{
    like($places{$place}, qr/./, "$place: there is something to look at");
    my @found = grep { index($places{$place}, $_) >= 0 } @canaries;
    is("@found", '', "$place: no secret, no address, no content");
}
my $dump = `pg_dump -h @{[ $cluster->host ]} -p @{[ $cluster->port ]} app`;
like($dump, qr/canarymail/, 'the dump holds the recipients');
my @found = grep { index($dump, $_) >= 0 } values %secrets;
is("@found", '', 'and no secret');
done_testing();
