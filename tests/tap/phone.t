# Text messages and calls through every provider of phone numbers, and limits of texts.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Test::More;

my ($cluster, $sandbox) = start_all('phone');
$cluster->sql(q{select herald.notify_recipient('ann', phone => '+15005550010')});
$cluster->sql(q{select herald.notify_category('short', max_segments => 1)});
add_template($cluster, 'free', undef, 'sms/text' => '{{ s }}');
add_template($cluster, 'limited', 'short', 'sms/text' => '{{ s }}');
add_template($cluster, 'mms', undef, 'sms/text' => '{{ s }}', 'sms/media' => "https://cdn.example.org/a.jpg\nhttps://cdn.example.org/{{ s }}.png");
my $dispatcher = start_dispatcher($cluster, $sandbox);

# Sends, and waits; returns the id of the notification.
sub send_text
{
    my ($template, $text, %with) = @_;
    my $channel = $with{channel} // 'sms';
    my $to = $with{to} // 'ann';
    my $locale = defined $with{locale} ? ", locale => '$with{locale}'" : '';
    my $id = $cluster->sql("select herald.notify_send('$template', '$to', jsonb_build_object('s', \$text\$$text\$text\$),"
          . " channels => '{$channel}'$locale)");
    wait_final($cluster);
    return $id;
}

# What the only delivery of a notification came to.
sub result_of
{
    my ($id) = @_;
    return $cluster->sql(qq{select concat_ws(' ', state, code, reason) from herald.delivery where notification = '$id'});
}

# ---- parts ----

is(result_of(send_text('limited', 'a' x 160)), 'sent', 'a text of one part');
is(result_of(send_text('limited', 'a' x 161)),
    'failed too_many_segments text takes 2 parts (GSM-7, 161 units), category short allows 1', 'a text of two is refused');
is(result_of(send_text('limited', ('a' x 70) . '`')),
    'failed too_many_segments text takes 2 parts (UCS-2, 71 units), category short allows 1', 'one character may be too much');
is(result_of(send_text('free', 'a' x 161)), 'sent', 'without a limit it is sent');
is(scalar(() = $sandbox->requests), 2, 'nothing else left');

# ---- media ----

$sandbox->reset;
is(result_of(send_text('mms', 'x')), 'sent', 'an MMS');
like(($sandbox->requests)[0]{body}, qr/&Body=x&MediaUrl=https%3A%2F%2Fcdn\.example\.org%2Fa\.jpg&MediaUrl=https%3A%2F%2Fcdn\.example\.org%2Fx\.png/,
    'with its media');
like(result_of(send_text('mms', 'x"')), qr/^failed bad_media /, 'a URL that is none is not sent');

# ---- senders by country ----

$sandbox->reset;
$cluster->sql(q{update herald.provider set settings = settings || '{"from_by_country": {"DE": "Herald"}}' where kind = 'twilio'});
$cluster->sql(q{select herald.notify_recipient('bob', phone => '+491511234567')});
$dispatcher->signal('HUP');
$dispatcher->wait_for_log(qr{(?:account is in use" account=twilio.*){2}}s);
send_text('free', 'x', to => 'bob');
send_text('free', 'x', to => 'ann');
is_deeply([ map { $_->{body} =~ /From=([^&]*)/ } $sandbox->requests ], [ 'Herald', '%2B15005550006' ], 'senders by country');

# ---- calls ----

add_template($cluster, 'spoken', undef, 'voice/text' => '{{ s }}');
$cluster->sql(q{select herald.notify_recipient('eve', phone => '+15005550004', locale => 'de-AT')});
$cluster->sql(q{select herald.notify_recipient('none', email => 'none@example.org')});
$cluster->sql("select herald.notify_provider('calls', 'twilio_voice', 'voice', settings => '"
      . qq({"endpoint": "@{[ $sandbox->url ]}", "ca_file": "@{[ $sandbox->dir ]}/ca.pem", "repeat": 2,)
      . qq("account_sid": "AC@{[ '0' x 32 ]}", "from": "+15005550006"}', )
      . q{secrets => '{"auth_token": "env:TWILIO_AUTH_TOKEN"}')});
$dispatcher->wait_for_log(qr/account is in use" account=calls/);
$sandbox->reset;
is($cluster->sql(q{select address from herald.notify_preview('spoken', 'ann', '{"s": ""}')}), '+15005550010',
    'the address of a call is the phone number');
is(result_of(send_text('spoken', 'Code <1 & 2>', channel => 'voice', locale => 'fr-CA')), 'sent', 'a call');
my ($call) = $sandbox->requests;
is("$call->{provider} $call->{decision}", 'twilio_voice accept', 'is accepted by the strict double');
is($call->{rendered}{text}, 'Code <1 & 2>', 'and speaks the text');
like($call->{body}, qr/language%3D%22fr-CA%22%20loop%3D%222%22/, 'in the language of the notification');
is($cluster->sql(q{select provider_id ~ '^CA[0-9a-f]{32}$' from herald.delivery where provider = 'calls'}), 't', 'its id is kept');
like(result_of(send_text('spoken', 'x', channel => 'voice', to => 'eve')), qr/^suppressed 21216 /, 'who is blocked');
like(($sandbox->requests)[-1]{body}, qr/language%3D%22de-DE%22/, 'would have heard the nearest language');
is(result_of(send_text('spoken', 'x', channel => 'voice', to => 'eve')), 'suppressed address_suppressed', 'and is not called again');
is(result_of(send_text('spoken', 'x', channel => 'voice', to => 'none')), 'suppressed no_address', 'who has no phone is not called');

# ---- Vonage ----

# Leaves one account for text messages: use_account(NAME, kind, settings, secrets).
sub use_account
{
    my ($name, $kind, $settings, $secrets) = @_;
    my $common = '"endpoint": "' . $sandbox->url . '", "ca_file": "' . $sandbox->dir . '/ca.pem", "from": "Acme"';
    $cluster->sql(q{delete from herald.provider where channel = 'sms'});
    $cluster->sql("select herald.notify_provider('$name', '$kind', 'sms', settings => '{$common$settings}', secrets => '{$secrets}')");
    $dispatcher->signal('HUP');
    $dispatcher->wait_for_log(qr/account is in use" account=$name /);
    $sandbox->reset;
    return;
}

# The last request, and whether the strict double took it.
sub last_request
{
    my ($provider) = @_;
    my $request = ($sandbox->requests)[-1];
    is("$request->{provider} $request->{decision}", "$provider accept", "$provider takes it");
    return $request;
}

$cluster->sql(q{select herald.notify_recipient('dan', phone => '+15005550001')});
$cluster->sql(q{select herald.notify_recipient('kim', phone => '+15005550005')});
my $key = '"api_key": "env:VONAGE_API_KEY"';
for my $way ([ 'basic', '"api_secret": "env:VONAGE_API_SECRET"' ], [ 'signed', '"signature_secret": "env:VONAGE_SIGNATURE_SECRET"' ])
{
    my ($name, $secret) = @$way;
    use_account($name, 'vonage', '', "$key, $secret");
    is(result_of(send_text('free', "Grüße & 안녕 = '1'")), 'sent', "a text, $name");
    is(last_request('vonage')->{rendered}{text}, "Gr\x{fc}\x{df}e & \x{c548}\x{b155} = '1'", 'every character survives');
    is(result_of(send_text('free', 'a' x 200)), 'sent', 'a text of two parts');
    like($cluster->sql(q{select provider_id from herald.delivery order by id desc limit 1}), qr/^\w{16},\w{16}$/, 'has two ids');
}
like(result_of(send_text('free', 'x', to => 'dan')), qr/^failed 6 /, 'a refusal with status 200');
$cluster->sql(q{select herald.notify_category('once', policy => 'at_most_once')});
add_template($cluster, 'code', 'once', 'sms/text' => '{{ s }}');
like(result_of(send_text('code', 'a' x 200, to => 'kim')), qr/^unknown 5 1 of 2 parts were accepted: Internal Error/,
    'half a message is not known to be sent');

use_account('app', 'vonage_messages', ', "application_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"',
    '"private_key": "file:' . $sandbox->dir . '/vonage_key.pem"');
is(result_of(send_text('free', 'Grüße')), 'sent', 'a text through the Messages API');
is(last_request('vonage_messages')->{rendered}{text}, "Gr\x{fc}\x{df}e", 'with its text');
add_template($cluster, 'picture', undef, 'sms/text' => '{{ s }}', 'sms/media' => 'https://cdn.example.org/a.jpg');
is(result_of(send_text('picture', 'look')), 'sent', 'an MMS');
like(last_request('vonage_messages')->{body}, qr{"image":\{"url":"https://cdn.example.org/a.jpg","caption":"look"\}}, 'with its picture');
like(result_of(send_text('free', 'x', to => 'dan')), qr/^(?:failed 1170|suppressed)/, 'a refusal by code');

is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
done_testing();
