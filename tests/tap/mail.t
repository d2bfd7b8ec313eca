# Mails through Mandrill and SES end to end, and what all kinds for mail do alike: headers and senders.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(wait_for);
use Encode ();
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(decode_base64);
use Test::More;

my ($cluster, $sandbox) = start_all('mail');
my %secrets = (
    mandrill => { api_key => 'env:MANDRILL_API_KEY' },
    sendgrid => { api_key => 'env:SENDGRID_API_KEY' },
    ses => { access_key_id => 'env:SES_ACCESS_KEY_ID', secret_access_key => 'env:SES_SECRET_ACCESS_KEY' },
    smtp => { password => 'env:SMTP_PASSWORD' });
my %settings = (
    ses => { region => 'eu-west-1' },
    smtp => { host => 'localhost', port => $sandbox->{ports}{smtp}, username => 'herald' });
my $dispatcher = start_dispatcher($cluster, $sandbox);
$cluster->sql(q{select herald.notify_category('orders')});
add_template($cluster, 'shipped', 'orders',
    'email/subject' => 'Order {{ order_no }} – unterwegs', 'email/text' => 'Hello {{ recipient.name }}',
    'email/html' => '<p>Hello {{ recipient.name }}</p>', 'email/reply_to' => 'help@example.org',
    'email/unsubscribe_url' => 'https://u.example.org/{{ recipient.id }}',
    'email/headers' => "X-Order: {{ order_no }}\nX-Name: {{ name }}\n");
add_template($cluster, 'forbidden', undef, 'email/subject' => 's', 'email/text' => 't',
    'email/headers' => "X-Order: 1\n{{ name }}: x");
$cluster->sql(q{select herald.notify_recipient('ann', email => 'ann@example.org', attributes => '{"name": "Ann <3"}')});

# One account for mail, of this kind; returns when it is in use.
sub use_account
{
    my ($kind, %more) = @_;
    my %all = (from => 'shop@example.org', from_name => 'Shop',
        from_by_category => { orders => "Bestell\x{fc}ngen <orders\@example.org>" }, ca_file => $sandbox->dir . '/ca.pem',
        $kind eq 'smtp' ? () : (endpoint => $sandbox->url), %{ $settings{$kind} // {} });
    my $json = JSON::PP->new->canonical;
    my ($given, $secret) = map { $json->encode($_) } \%all, { %{ $secrets{$kind} }, %more };
    my $count = () = $dispatcher->log =~ /account is in use.*account=mail\b/g;
    $cluster->sql(q{update herald.provider set enabled = false where channel = 'email' and name <> 'mail'});
    $cluster->sql(qq{select herald.notify_provider('mail', '$kind', 'email', settings => '$given', secrets => '$secret')});
    wait_for("$kind to be used", sub { $count < (() = $dispatcher->log =~ /account is in use.*account=mail\b/g) });
    return;
}

sub send_one
{
    my ($template, $name) = @_;
    $sandbox->reset;
    my $data = encode_json({ order_no => 7, name => $name });
    my $id = $cluster->sql("select herald.notify_send('$template', 'ann', '$data')");
    wait_final($cluster);
    return ($id, $sandbox->requests);
}

# The headers of a mail as the provider gets them, names in lower case.
sub headers_of
{
    my ($mail) = @_;
    my $kind = $mail->{provider};
    my $text = $mail->{body};
    if ($kind eq 'sendgrid' || $kind eq 'mandrill')
    {
        my $root = decode_json(Encode::encode_utf8($text));
        my $headers = $kind eq 'sendgrid' ? $root->{headers} : $root->{message}{headers};
        return map { lc $_ => $headers->{$_} } keys %$headers;
    }
    $text = decode_base64(decode_json($text)->{Content}{Raw}{Data}) if $kind eq 'ses';
    my ($head) = $text =~ /^(.*?)\r\n\r\n/s;
    return map { /^([^:]+): (.*)$/s ? (lc $1 => $2 =~ s/\r\n / /gr) : () } split /\r\n(?! )/, $head;
}

for my $kind (qw(mandrill sendgrid ses smtp))
{
    use_account($kind);
    my ($id, @mails) = send_one('shipped', "G\xf6tz\r\nBcc: eve\@evil.example");
    is(scalar @mails, 1, "$kind: one mail") or next;
    my $mail = $mails[0];
    is($mail->{provider}, $kind, 'through it');
    is($mail->{decision}, 'accept', 'which is accepted') or diag $mail->{violation};
    is($mail->{to}, 'ann@example.org', 'for the recipient');
    is($mail->{rendered}{subject}, "Order 7 \x{2013} unterwegs", 'with its subject');
    like($mail->{rendered}{html}, qr/Hello Ann &lt;3/, 'and text');
    like($mail->{rendered}{from}, qr/orders\@example\.org/, 'from the sender of the category');
    my %header = headers_of($mail);
    is($header{'list-unsubscribe'}, '<https://u.example.org/ann>', 'it can be unsubscribed');
    is($header{'list-unsubscribe-post'}, 'List-Unsubscribe=One-Click', 'with one click');
    is($header{'x-order'}, '7', 'it has the headers of the template');
    my ($word) = $header{'x-name'} =~ /^=\?UTF-8\?B\?([\w+\/=]+)\?=$/;
    is(Encode::decode_utf8(decode_base64($word // '')), "G\xf6tz Bcc: eve\@evil.example", 'which data does not end');
    is($header{bcc}, undef, 'so that it brings none of its own');
    is($cluster->sql("select concat_ws(' ', state, provider, provider_id is not null) from herald.delivery where notification = '$id'"),
        'sent mail t', 'the delivery is sent, and has an id') unless $kind eq 'smtp';

    ($id, @mails) = send_one('forbidden', 'Bcc');
    is(scalar @mails, 0, 'a header that nobody may set is not sent');
    like($cluster->sql("select concat_ws(' ', state, code, reason) from herald.delivery where notification = '$id'"),
        qr/^failed bad_headers headers, line 2: templates may not set Bcc/, 'and told');
}

# Temporary credentials, and wrong ones.
$secrets{ses}{access_key_id} = 'env:SES_TEMPORARY_KEY_ID';
use_account('ses', session_token => 'env:SES_SESSION_TOKEN');
my (undef, @mails) = send_one('shipped', 'x');
is($mails[0]{decision}, 'accept', 'SES takes temporary credentials with their token') or diag $mails[0]{violation};
$secrets{ses}{secret_access_key} = 'env:SMTP_PASSWORD';
use_account('ses', session_token => 'env:SES_SESSION_TOKEN');
my $send = q{select herald.notify_send('shipped', 'ann', '{"order_no": 8, "name": "x"}')};
$cluster->sql($send);
$dispatcher->wait_for_log(qr/account is paused.*SignatureDoesNotMatch/);
pass('a wrong secret pauses the account');
$secrets{mandrill}{api_key} = 'env:SMTP_PASSWORD';
use_account('mandrill');
$cluster->sql($send);
$dispatcher->wait_for_log(qr/account is paused.*Invalid_Key/);
pass('and so does a wrong key of Mandrill');
$secrets{mandrill}{api_key} = 'env:MANDRILL_API_KEY';
use_account('mandrill');
my %values = $sandbox->secrets;
for my $name (qw(MANDRILL_API_KEY SES_SECRET_ACCESS_KEY SES_SESSION_TOKEN SMTP_PASSWORD))
{
    is(index($dispatcher->log, $values{$name}), -1, "$name is not in the log");
    is($cluster->sql("select count(*) from herald.attempt a where a::text like '%$values{$name}%'"), 0, 'nor in the database');
}

# A mailbox that bounced is not tried again.
$cluster->sql(q{select herald.notify_recipient('bob', email => 'fault-unregistered@example.org', attributes => '{"name": "Bob"}')});
$cluster->sql(q{select herald.notify_send('shipped', 'bob', '{"order_no": 9, "name": "x"}')});
wait_for('a mailbox that Mandrill rejects ends the delivery', sub {
    $cluster->sql(q{select concat_ws(' ', state, code) from herald.delivery_status where recipient = 'bob'}) eq 'failed hard-bounce'
});
pass('a mailbox that Mandrill rejects ends the delivery');
is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
done_testing();
