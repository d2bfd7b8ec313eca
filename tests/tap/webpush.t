# Web push: a browser's subscription, what it decrypts, one token for each push service, what services refuse.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(slurp);
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(decode_base64url);
use Test::More;

my ($cluster, $sandbox) = start_all('webpush');
my ($dir, $port) = ($sandbox->dir, $sandbox->{ports}{https});
my $browser = slurp("$dir/browser.json");
my $dispatcher = start_dispatcher($cluster, $sandbox);
add_template($cluster, 'news', undef, 'push/title' => 'Order {{ no }}', 'push/body' => '{{ recipient.name }} <3',
    'push/collapse_key' => 'order:{{ no }}', 'push/data' => '{"no": {{ no }}}');

# account(MORE SETTINGS, KEY FILE): at the sandbox, which is no push service that is known, at a private address.
sub account
{
    my ($more, $key) = @_;
    my %settings = (ca_file => "$dir/ca.pem", subject => 'mailto:ops@example.org', push_services => 'localhost, 127.0.0.1',
        allow_addresses => '127.0.0.0/8, ::1/128', %$more);
    delete $settings{$_} for grep { !defined $settings{$_} } keys %settings;
    my $secrets = encode_json({ private_key => 'file:' . ($key // "$dir/vapid.pem") });
    $cluster->sql("select herald.notify_provider('browsers', 'webpush', 'push', settings => '"
          . encode_json(\%settings) . "', secrets => '$secrets')");
    $dispatcher->signal('HUP');
    return;
}

# A recipient with a browser at each of the endpoints.
sub recipient
{
    my ($name, @endpoints) = @_;
    $cluster->sql("select herald.notify_recipient('$name', attributes => '{\"name\": \"$name\"}')");
    for my $endpoint (@endpoints)
    {
        my $subscription = $browser =~ s{"https://[^"]*"}{"$endpoint"}r;
        $cluster->sql("select herald.notify_device('$name', 'web', 'webpush', '$subscription')");
    }
    return;
}

# What arrives at the sandbox of one message, in the order of arrival.
sub push_to
{
    my ($name, $more) = @_;
    $sandbox->reset;
    $cluster->sql("select herald.notify_send('news', '$name', '{\"no\": 12}'" . ($more // '') . ')');
    wait_final($cluster);
    return $sandbox->requests;
}

sub header
{
    my ($request, $name) = @_;
    my ($found) = grep { $_->[0] eq $name } @{ $request->{headers} };
    return $found ? $found->[1] : undef;
}

sub claims
{
    my ($request) = @_;
    my ($payload) = header($request, 'authorization') =~ /^vapid t=[^.]+\.([^.]+)\./;
    return decode_json(decode_base64url($payload));
}

sub outcome
{
    my ($name) = @_;
    return $cluster->sql("select concat_ws(' ', d.state, d.reason, d.code, a.class) from herald.delivery d"
          . " join herald.attempt a on a.id = d.id where d.recipient = '$name' order by a.attempt desc limit 1");
}

account({});
recipient('ann', decode_json($browser)->{endpoint});
my ($first) = push_to('ann', q{, priority => 'urgent', expires_at => now() + interval '1 hour'});
is($first->{decision}, 'accept', 'the browser gets a message') or diag $first->{violation};
is($first->{rendered}{title}, 'Order 12', 'and reads it');
is($first->{rendered}{body}, 'ann <3', 'without escapes');
my $told = decode_json($first->{rendered}{data});
my $delivery = $cluster->sql("select id from herald.delivery where recipient = 'ann'");
is_deeply($told, { title => 'Order 12', body => 'ann <3', tag => 'order:12', data => { no => 12, nid => $delivery } },
    'with data, tag and id');
unlike($first->{body}, qr/Order/, 'the push service does not');
is(header($first, 'urgency'), 'high', 'priority becomes urgency');
ok(header($first, 'ttl') > 3500 && header($first, 'ttl') <= 3600, 'expiry becomes time to live');
like(header($first, 'topic'), qr/^[\w-]{32}$/, 'the collapse key becomes a topic');
is(claims($first)->{aud}, "https://localhost:$port", 'the token is for the push service');
is(claims($first)->{sub}, 'mailto:ops@example.org', 'and names the sender');
like($cluster->sql("select provider_id from herald.delivery where recipient = 'ann'"), qr{/message/\w+$}, 'the id is kept');

my ($second) = push_to('ann');
is(header($second, 'authorization'), header($first, 'authorization'), 'one token serves for many messages');
isnt(substr($second->{body}, 0, 22), substr($first->{body}, 0, 22), 'and no salt');
is(header($second, 'urgency'), 'normal', 'other priorities are normal');
recipient('ben', map { ("https://localhost:$port/push/ben-$_", "https://127.0.0.1:$port/push/ben-$_") } 1, 2);
my @both = push_to('ben');
is(scalar(grep { $_->{decision} eq 'accept' } @both), 4, 'two push services');
my %tokens = map { (header($_, 'authorization') => claims($_)->{aud}) } @both;
is_deeply([ sort values %tokens ], [ "https://127.0.0.1:$port", "https://localhost:$port" ], 'get a token each');
ok($tokens{ header($first, 'authorization') }, 'one of them as before');

recipient('caro', "https://localhost:$port/push/fault-unregistered");
push_to('caro');
like(outcome('caro'), qr/^failed .*106 token_invalid$/, 'a subscription that is gone fails');
is($cluster->sql("select state from herald.device_token where recipient = 'caro'"), 'retired', 'and is retired');
recipient('dan', "https://localhost:$port/push/fault-503x1");
my @tries = push_to('dan');
is(join(' ', map { $_->{status} } @tries), '503 201', 'a busy push service is tried again');
isnt($tries[0]{body}, $tries[1]{body}, 'with the message encrypted anew');
is($tries[0]{rendered}{data}, $tries[1]{rendered}{data}, 'which is the same');

system("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $dir/other.pem 2>/dev/null && chmod 600 $dir/other.pem") == 0
  or die "openssl: $?\n";
account({}, "$dir/other.pem");
recipient('eve', "https://localhost:$port/push/eve");
push_to('eve');
like(outcome('eve'), qr/token_invalid$/, 'a subscription that was made with another key is of no use');
is($cluster->sql("select state from herald.device_token where recipient = 'eve'"), 'suspect', 'and is suspect');
account({ push_services => undef });
recipient('fred', "https://localhost:$port/push/fred");
is(scalar push_to('fred'), 0, 'nothing is sent to an unknown push service');
like(outcome('fred'), qr/unknown_push_service content$/, 'which fails the message');
is($cluster->sql("select state from herald.device_token where recipient = 'fred'"), 'active', 'and keeps the subscription');
account({ allow_addresses => undef });
recipient('gus', "https://localhost:$port/push/gus");
is(scalar push_to('gus'), 0, 'nor to a private address');
like(outcome('gus'), qr/content$/, 'which fails the message too');
is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
done_testing();
