# herald-sandbox over real connections: both HTTP versions, SMTP, faults, the page, the log.
use strict;
use warnings;
use Herald::Sandbox;
use Herald::Util qw(slurp wait_for);
use JSON::PP;
use MIME::Base64 qw(encode_base64 encode_base64url);
use Test::More;

my $sandbox = Herald::Sandbox->start(args => [ '--log', 'full', '--names', 'sandbox.example.org' ]);
my $dir = $sandbox->dir;
my $url = $sandbox->url;
my %secret = $sandbox->secrets;
my $account = 'AC' . '0' x 32;
my $messages = "$url/2010-04-01/Accounts/$account/Messages.json";
my @basic = ('-u', "$account:$secret{TWILIO_AUTH_TOKEN}");
my @json = ('-H', 'content-type: application/json');

sub write_file
{
    my ($path, $text) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    print $file $text;
    close $file or die "$path: $!\n";
    return $path;
}

# curl(ARGUMENTS): body, head, exit code, seconds.
sub curl
{
    my (@args) = @_;
    unlink "$dir/head", "$dir/body";
    open my $curl, '-|', 'curl', '-sS', '--stderr', "$dir/error", '--cacert', "$dir/ca.pem",
      '-m', '10', '-D', "$dir/head", '-o', "$dir/body", '-w', '%{http_code} %{time_total}', @args
      or die "curl: $!\n";
    my ($status, $seconds) = split ' ', <$curl> // '';
    close $curl;
    return {
        code => $? >> 8,
        status => $status,
        seconds => $seconds,
        head => -e "$dir/head" ? slurp("$dir/head") : '',
        body => -e "$dir/body" ? slurp("$dir/body") : '',
        error => slurp("$dir/error"),
    };
}

sub sms
{
    my ($to, @more) = @_;
    return curl(@basic, $messages, '--data-urlencode', "To=$to", '-d', 'From=%2B15005550006',
        '-d', 'Body=Parcel%2012', @more);
}

sub last_request
{
    my @all = $sandbox->requests;
    return $all[-1];
}

sub raw
{
    my ($text, @more) = @_;
    write_file("$dir/raw", $text);
    return `timeout 10 openssl s_client -quiet @more -connect 127.0.0.1:$sandbox->{ports}{https} <$dir/raw 2>/dev/null`;
}

# ---- both HTTP versions ----

my $answer = sms('+491511234567');
is($answer->{status}, 201, 'a text message over HTTP/2');
like($answer->{head}, qr{^HTTP/2 201}, 'which is what was spoken');
my $seen = last_request();
is($seen->{decision}, 'accept', 'it is recorded as accepted');
is($seen->{body}, 'To=%2B491511234567&From=%2B15005550006&Body=Parcel%2012', 'byte for byte');
is($seen->{rendered}{text}, 'Parcel 12', 'and rendered');
ok($seen->{time_us} > 1e15 && $seen->{mono_us} > 0, 'with wall and monotonic time');
ok((grep { $_->[0] eq 'authorization' } @{ $seen->{headers} }), 'with its headers');
is(sms('+491511234567', '--http1.1')->{status}, 201, 'a text message over HTTP/1.1');
is(sms('+491511234567', '--http1.1', '-H', 'Transfer-Encoding: chunked')->{status}, 201, 'chunked');
is(sms('+491511234567', '-H', 'x-a: 1', '-H', 'x-a: 2')->{status}, 400, 'a header twice');
like(last_request()->{violation}, qr/x-a/, 'is a violation');
is(sms('+491511234567', '--http1.1', '-H', 'x-a: 1', '-H', 'x-a: 2')->{status}, 400, 'in HTTP/1.1 too');
is(curl("$url/elsewhere", '-d', 'x')->{status}, 404, 'an unknown path');
is(last_request()->{provider}, 'none', 'is recorded');
is(curl('--resolve', "sandbox.example.org:$sandbox->{ports}{https}:127.0.0.1",
        $messages =~ s/localhost/sandbox.example.org/r, '-d', '')->{status}, 401, 'the certificate has more names');

# ---- signed providers ----

sub sign
{
    my ($key, $header, $claims) = @_;
    my $text = encode_base64url($header) . '.' . encode_base64url($claims);
    write_file("$dir/sign", $text);
    my $signature = `openssl dgst -sha256 -sign $dir/$key $dir/sign`;
    if ($key eq 'apns.p8')
    {
        # DER to R || S
        my @parts = $signature =~ /\A\x30.\x02(.)/s ? () : die 'openssl';
        my $at = 2;
        for (1 .. 2)
        {
            my $len = ord substr $signature, $at + 1, 1;
            my $number = substr $signature, $at + 2, $len;
            $number =~ s/\A\0+//;
            push @parts, ("\0" x (32 - length $number)) . $number;
            $at += 2 + $len;
        }
        $signature = join '', @parts;
    }
    return "$text." . encode_base64url($signature);
}

my $jwt = sign('apns.p8', '{"alg":"ES256","kid":"SANDBOXKEY"}', '{"iss":"SANDBOXTEA","iat":' . (time - 5) . '}');
my @push = ('-H', "authorization: bearer $jwt", '-H', 'apns-topic: org.example.app', '-H', 'apns-push-type: alert',
    @json, '-d', '{"aps":{"alert":{"title":"Hi","body":"<script>alert(1)</script>"}}}');
is(curl("$url/3/device/ab12", @push)->{status}, 200, 'a push to APNs');
is(last_request()->{rendered}{title}, 'Hi', 'is rendered');
$answer = curl("$url/3/device/ab12", @push, '--http1.1');
is($answer->{status}, 505, 'APNs over HTTP/1.1 is refused');
$answer = curl("$url/3/device/dead12", @push);
is($answer->{status}, 410, 'a dead token');
like($answer->{body}, qr/\{"reason":"Unregistered","timestamp":\d{13}\}/, 'and since when');

my $service = decode_json(slurp("$dir/fcm.json"));
my $assertion = sign('fcm_key.pem', '{"alg":"RS256"}',
    encode_json({ iss => $service->{client_email}, aud => $service->{token_uri}, iat => time() + 0, exp => time + 3600,
        scope => 'https://www.googleapis.com/auth/firebase.messaging' }));
$answer = curl($service->{token_uri}, '--data-urlencode', 'grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer',
    '-d', "assertion=$assertion");
is($answer->{status}, 200, 'a token of FCM');
my $token = decode_json($answer->{body})->{access_token};
my @fcm = ("$url/v1/projects/sandbox/messages:send", '-H', "authorization: Bearer $token", @json, '-d');
is(curl(@fcm, '{"message":{"token":"a:b","data":{"nid":"1"}}}')->{status}, 200, 'is good for a message');
$answer = curl(@fcm, '{"message":{"token":"fault-unregistered"}}');
is($answer->{status}, 404, 'a magic token');
like($answer->{body}, qr/UNREGISTERED/, 'is unregistered');
is($sandbox->stats->{token_requests}, 1, 'token requests are counted');

# ---- faults by address ----

sub fails
{
    my ($to, $codes, $what, @more) = @_;
    my $got = sms($to, '-m', '1', @more);
    ok((grep { $_ == $got->{code} } @$codes), "$what (curl $got->{code})") or diag $got->{error};
    return $got;
}

is(sms('+15005559032')->{status}, $_, "503 twice: $_") for 503, 503, 201;
like(sms('+15005559290')->{head}, qr/^retry-after: 1\r/m, '429 with Retry-After');
like(sms('+15005559020')->{body}, qr/<html>/, '502 with HTML');
fails('+15005559100', [28], 'hang');
is(last_request()->{executed}, JSON::PP::false, 'is not executed');
fails('+15005559110', [ 52, 55, 56 ], 'reset');
fails('+15005559110', [ 52, 55, 56 ], 'reset of HTTP/1.1', '--http1.1');
fails('+15005559130', [ 52, 55, 56 ], 'lost answer');
is(last_request()->{executed}, JSON::PP::true, 'is executed');
is(last_request()->{decision}, 'fault', 'and a fault');
fails('+15005559150', [ 16, 18, 56 ], 'GOAWAY below the stream');
fails('+15005559160', [ 56, 92 ], 'REFUSED_STREAM');
fails('+15005559170', [18], 'half an answer');
is(fails('+15005559170', [18], 'half an answer of HTTP/1.1', '--http1.1')->{status}, 201, 'with its status');
fails('+15005559180', [92], 'INTERNAL_ERROR');
fails('+15005559190', [ 16, 18, 52 ], 'closed');
fails('+15005559210', [ 1, 8, 16, 18, 52, 55, 56 ], 'garbage');
cmp_ok(sms('+15005559140')->{seconds}, '>=', 0.5, 'delay');
like(curl("$url/3/device/fa1201", @push)->{code}, qr{^5[56]$}, 'reset before the body');
is(last_request()->{body}, '', 'none of which was read');

# ---- faults by script ----

$sandbox->script([
    { match => { provider => 'twilio', to => '0001' }, fault => 'throttle', retry_after => 30, retry_after_date => JSON::PP::true },
    { match => { provider => 'twilio', to => '0002' }, fault => 'status', status => 500, accept => JSON::PP::true, times => 1 },
    { match => { body => 'needle' }, fault => 'status', status => 204, body => '' },
    { match => { to => '0003' }, fault => 'status', status => 500, body_bytes => 3_000_000 },
    { match => { to => '0004' }, fault => 'drain' },
    { match => { to => '0005' }, fault => 'drip', delay_ms => 2 } ]);
like(sms('+4915110001')->{head}, qr/^retry-after: \w{3}, \d\d \w{3} \d{4} [\d:]+ GMT\r/m, 'Retry-After as a date');
is(sms('+4915110002')->{status}, 500, 'a liar says 500');
is(last_request()->{executed}, JSON::PP::true, 'and executes');
is(sms('+4915110002')->{status}, 201, 'once');
is(sms('+4915110009', '-d', 'Body=needle')->{status}, 400, 'faults spoil correct requests only');
is(length sms('+4915110003', $_)->{body}, 3_000_000, "a large body, $_") for '--http2', '--http1.1';
is(sms('+4915110004')->{status}, 201, 'answered, then drained');
for my $version ('--http2', '--http1.1')
{
    my $drip = sms('+4915110005', $version);
    is($drip->{status}, 201, "a drip ends, $version");
    cmp_ok($drip->{seconds}, '>', 0.4, 'late');
}
ok(!eval { $sandbox->script([ { fault => 'explode' } ]); 1 }, 'a wrong script is refused');
is(sms('+4915110001')->{status}, 429, 'and the old one stays');
$sandbox->script({ max_streams => 1, rules => [] });
like(raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0" . "\0\0\0\0\0\0\0\0\0", '-alpn', 'h2'), qr/\x00\x03\x00\x00\x00\x01/,
    'one stream at a time');
$sandbox->reset;
is_deeply([ $sandbox->requests ], [], 'reset forgets');

# ---- what ends too early or cannot be parsed ----

raw("POST /hooks/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc", '-no_ign_eof');
wait_for('the cut request', sub { my @all = $sandbox->requests; return @all > 0 });
like(last_request()->{violation}, qr/before it was complete/, 'a cut upload is recorded');
is(last_request()->{body}, 'abc', 'as far as it came');
raw("POST /hooks/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
is(last_request()->{status}, 400, 'an ambiguous length is refused');

# ---- webhooks and SendGrid ----

my $mail = '{"personalizations":[{"to":[{"email":"%s"}]}],"from":{"email":"n@example.org"},"subject":"Hi",'
  . '"content":[{"type":"text/html","value":"<p>x</p><script>alert(1)</script>"}]}';
$answer = curl("$url/v3/mail/send", '-H', "authorization: Bearer $secret{SENDGRID_API_KEY}", @json, '-d',
    sprintf $mail, 'a@example.org');
is($answer->{status}, 202, 'mail through SendGrid');
is($answer->{body}, '', 'has no body');
like($answer->{head}, qr/^x-message-id: \w+\r/m, 'but an id');
is(curl("$url/hooks/orders", @json, '-d', '{}')->{status}, 401, 'an unsigned webhook');

# ---- Mandrill, and SES with curl's own signature ----

$answer = curl("$url/api/1.3/messages/send.json", @json, '-d', encode_json({ key => $secret{MANDRILL_API_KEY},
    message => { from_email => 'n@example.org', subject => 'Hi', text => 'x', to => [ { email => 'a@example.org' } ] } }));
is(decode_json($answer->{body})->[0]{status}, 'sent', 'mail through Mandrill');
my @ses = ("$url/v2/email/outbound-emails", @json, '-d', encode_json({ FromEmailAddress => 'n@example.org',
    Destination => { ToAddresses => ['a@example.org'] },
    Content => { Simple => { Subject => { Data => 'Hi' }, Body => { Text => { Data => 'x' } } } } }),
    '--aws-sigv4', 'aws:amz:eu-west-1:ses', '-u');
$answer = curl(@ses, "$secret{SES_ACCESS_KEY_ID}:$secret{SES_SECRET_ACCESS_KEY}");
like($answer->{body}, qr/^\{"MessageId":"[\w-]+"\}$/, 'mail through SES') or diag last_request()->{violation};
is(curl(@ses, "$secret{SES_ACCESS_KEY_ID}:other")->{status}, 403, 'not with another secret');

# ---- SMTP ----

my @lines = ('Date: Thu, 01 Jan 2026 00:00:00 +0000', 'From: n@example.org', 'To: a@example.org',
    'Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=', 'Message-ID: <1@example.org>', '', 'Parcel 12', '.dot');

sub mail
{
    my ($to, $text, @more) = @_;
    write_file("$dir/mail", $text);
    return curl('--ssl-reqd', $sandbox->smtp . '/client.example.org', '-u', "herald:$secret{SMTP_PASSWORD}",
        '--mail-from', 'n@example.org', '--mail-rcpt', $to, '-T', "$dir/mail", @more);
}

my $text = join '', map { "$_\r\n" } @lines;
is(mail('a@example.org', $text)->{code}, 0, 'mail over SMTP');
$seen = last_request();
is($seen->{body}, $text, 'arrives byte for byte');
is($seen->{rendered}{subject}, "Gr\x{fc}\x{df}e", 'is rendered');
is($seen->{to}, 'a@example.org', 'with its envelope');
is(mail('a@example.org', $text, '-u', 'herald:wrong')->{code}, 67, 'wrong password');
is(curl($sandbox->smtp, '--mail-from', 'n@example.org', '--mail-rcpt', 'a@example.org', '-T', "$dir/mail")->{code}, 55,
    'no mail in clear');
like(last_request()->{violation}, qr/MAIL before STARTTLS/, 'is a violation');
isnt(mail('a@example.org', join "\n", @lines)->{code}, 0, 'bare LF is refused');
like(last_request()->{violation}, qr/bare LF/, 'and named');
isnt(mail("a\@example.org>\r\nRCPT TO:<b\@example.org", $text)->{code}, 0, 'a smuggled command is refused');
like(last_request()->{violation}, qr/smuggled/, 'and named');
is(mail("fault-$_\@example.org", $text)->{code}, 55, "refused with $_") for 'unregistered', '450', '421';
is(mail('fault-503x1@example.org', $text)->{code}, $_, "503 once: $_") for 55, 0;
is(mail('fault-lost@example.org', $text)->{code}, 56, 'end after the dot');
is(last_request()->{executed}, JSON::PP::true, 'is executed');
isnt(mail('fault-dot-451@example.org', $text)->{code}, 0, 'refused after the dot');
is(last_request()->{status}, 451, 'with its code');
is(mail('fault-hang@example.org', $text, '-m', '1')->{code}, 28, 'hang');
is(mail('fault-delay-100@example.org', $text)->{code}, 0, 'delay');
is(mail('fault-drip-5@example.org', $text)->{code}, 0, 'drip');

# ---- the page ----

my $page = "http://127.0.0.1:$sandbox->{ports}{page}";
$answer = curl("$page/");
is($answer->{status}, 200, 'the page');
like($answer->{head}, qr/^content-security-policy: default-src 'none'; script-src 'self';/m, 'with a strict policy');
unlike($answer->{body}, qr/<script>|onclick|alert/, 'and no inline script');
is(curl("$page/$_")->{status}, 200, $_) for 'page.js', 'page.css';
like(curl("$page/page.js")->{body}, qr/setAttribute\('sandbox', ''\)/, 'mail is shown in a sandboxed frame');
unlike(curl("$page/page.js")->{body}, qr/innerHTML|insertAdjacentHTML|document\.write/, 'and nothing else as HTML');
is(curl("$page/api/stats", '-H', 'Host: evil.example')->{status}, 403, 'foreign host names');
is(curl("$page/api/reset", @json, '-d', '{}', '-H', 'Origin: http://evil.example')->{status}, 403, 'foreign origins');
is(curl("$page/api/reset", '-d', '{}')->{status}, 403, 'forms');
unlike(curl("$page/api/stats", '-H', 'Origin: http://evil.example')->{head}, qr/access-control/i, 'no CORS');
is(curl("$page/api/reset")->{status}, 405, 'GET does not act');
is(curl("$page/nowhere")->{status}, 404, 'unknown paths');
is(scalar @{ decode_json(curl("$page/api/requests?limit=2")->{body}) }, 2, 'limit');
my $last = last_request()->{seq};
is(scalar(() = $sandbox->requests($last - 1)), 1, 'after');

# ---- the log ----

my @log = map { decode_json($_) } split /\n/, slurp("$dir/requests.log");
is($log[0]{seq}, 1, 'the log begins at the beginning');
is($log[-1]{seq}, $last, 'and holds what was answered last');
is(scalar @log, $last, 'every request, resets or not');

# ---- start and end ----

is($sandbox->stop, 0, 'SIGTERM ends it cleanly');
ok(!-e "$dir/ports.json", 'without ports.json');
my $before = slurp("$dir/secrets.env") . slurp("$dir/ca.pem") . slurp("$dir/apns.p8");
$sandbox = Herald::Sandbox->start(args => ['--fast']);
is(slurp("$dir/secrets.env") . slurp("$dir/ca.pem") . slurp("$dir/apns.p8"), $before, 'credentials stay');
is((stat "$dir/$_")[2] & 07777, 0600, "$_ is private") for 'secrets.env', 'apns.p8', 'fcm.json', 'server_key.pem';
$url = $sandbox->url;
is(curl("$url/2010-04-01/x", '-d', 'x', $_)->{status}, 201, "fast mode, $_") for '--http2', '--http1.1';
like(curl("$url/3/device/ab12", '-d', 'x', '-H', 'apns-id: 4d2a6f0e-6f0b-4a0c-9a3b-0f6d1d0a9c11')->{head},
    qr/^apns-id: 4d2a6f0e-6f0b-4a0c-9a3b-0f6d1d0a9c11\r/m, 'ids come back');
is($sandbox->stats->{providers}{twilio}{accepted}, 2, 'counts');
is_deeply([ $sandbox->requests ], [], 'and records nothing');
is($sandbox->stop, 0, 'the end');

# A secret that is missing is added; those that senders use already stay.
my %kept = $sandbox->secrets;
my $lost = delete $kept{TWILIO_AUTH_TOKEN};
write_file("$dir/secrets.env", join '', map { "$_=$kept{$_}\n" } sort keys %kept);
$sandbox = Herald::Sandbox->start;
my %made = $sandbox->secrets;
my $new = delete $made{TWILIO_AUTH_TOKEN};
ok($new && $new ne $lost, 'a missing secret is made anew');
is_deeply(\%made, \%kept, 'the others stay');
is($sandbox->stop, 0, 'the end again');
done_testing();
