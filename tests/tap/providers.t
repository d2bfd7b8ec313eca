# One notification through each of the six providers: sent from SQL, on the wire, recorded.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Test::More;

my ($cluster, $sandbox) = start_all('providers');
my $dispatcher = start_dispatcher($cluster, $sandbox);
add_template($cluster, 'shipped', undef,
    'push/title' => 'Order {{ order_no }}', 'push/body' => 'Hello {{ recipient.name }}',
    'sms/text' => 'Order {{ order_no }} shipped',
    'email/subject' => 'Order {{ order_no }} – unterwegs', 'email/text' => 'Hello {{ recipient.name }}',
    'email/html' => '<p>Hello {{ recipient.name }}</p>',
    'webhook/body' => '{"order_no": {{ order_no }}}');

$cluster->sql(q{select herald.notify_recipient('ann', email => 'ann@example.org',
    phone => '+15005550010', attributes => '{"name": "Ann <3"}')});
$cluster->sql(qq{select herald.notify_device('ann', 'ios', 'apns', '@{[ 'ab12' x 16 ]}', app => 'org.example.app')});
$cluster->sql(q{select herald.notify_device('ann', 'android', 'fcm', 'ann-phone:APA91b0123', app => 'org.example.app')});
$cluster->sql("select herald.notify_device('ann', 'webhook', 'webhook', '" . $sandbox->url . "/hooks/ann')");

sub send_and_see
{
    my ($channel, $data) = @_;
    $sandbox->reset;
    $cluster->sql("select herald.notify_send('shipped', 'ann', '$data', channels => '{$channel}')");
    wait_final($cluster);
    return grep { $_->{decision} eq 'accept' && $_->{path} ne '/token' } $sandbox->requests;
}

my @push = send_and_see('push', '{"order_no": 1}');
is(join(' ', sort map { $_->{provider} } @push), 'apns fcm', 'a push goes to both devices, once each');
like($_->{body}, qr/Hello Ann <3/, "$_->{provider} carries the text") for @push;
my @sms = send_and_see('sms', '{"order_no": 2}');
is(scalar @sms, 1, 'one text message');
like($sms[0]{body}, qr/Order(?:%20|\+)2(?:%20|\+)shipped/, 'with its text');
like($sms[0]{body}, qr/To=%2B15005550010/, 'and the plus escaped');
my @hook = send_and_see('webhook', '{"order_no": 3}');
is(scalar @hook, 1, 'one webhook');
like($hook[0]{body}, qr/"order_no":\s*3/, 'with its document');

for my $provider (qw(sendgrid smtp))
{
    my $other = $provider eq 'smtp' ? 'sendgrid' : 'smtp';
    $cluster->sql("update herald.provider set enabled = (name <> '$other') where channel = 'email'");
    $dispatcher->signal('HUP');
    my ($mail) = send_and_see('email', '{"order_no": 4}');
    is($mail->{provider}, $provider, "mail through $provider");
    like($mail->{rendered}{html}, qr/Hello Ann &lt;3/, 'data is escaped in HTML');
    is($mail->{rendered}{subject}, "Order 4 \x{2013} unterwegs", 'the subject survives');
}

is($cluster->sql(q{select string_agg(distinct provider, ' ' order by provider)
        from herald.delivery where state = 'sent' and provider_id is not null}),
    'apns fcm sendgrid smtp twilio', 'ids of the providers are kept');
is($cluster->sql(q{select count(*) from herald.delivery where state <> 'sent'}), 0, 'all were sent');
is($cluster->sql(q{select count(*) from herald.attempt where class <> 'accepted'}), 0, 'at the first try');
# A mailbox that does not exist is not tried again.
$cluster->sql(q{select herald.notify_recipient('bob', email => 'fault-unregistered@example.org',
    attributes => '{"name": "Bob"}')});
for my $order (5, 6)
{
    $cluster->sql("select herald.notify_send('shipped', 'bob', '{\"order_no\": $order}', channels => '{email}')");
    wait_final($cluster);
}
is($cluster->sql(q{select string_agg(concat_ws(' ', state, code, reason), ', ' order by id) from herald.delivery
    where recipient = 'bob'}) =~ s/failed 5\.1\.1 [^,]*/failed/r, 'failed, suppressed address_suppressed',
    'a mailbox that does not exist is suppressed');
is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
done_testing();
