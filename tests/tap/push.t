# Pushes that are more than a title and a body: what templates say of them reaches the doubles, and is recorded.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use JSON::PP;
use Test::More;

my ($cluster, $sandbox) = start_all('push');
my $dispatcher = start_dispatcher($cluster, $sandbox);
my $activity = 'ab12' x 16;
$cluster->sql("select herald.notify_category('$_->[0]', topics => $_->[1])") for [ 'news', 'true' ], [ 'orders', 'false' ];
$cluster->sql("select herald.notify_recipient(r) from unnest(array['ann', 'bob', 'group-news', 'group-both']) r");
$cluster->sql("select herald.notify_device('ann', 'ios', 'apns', '$activity', app => 'org.example.app')");
$cluster->sql(q{select herald.notify_device('bob', 'android', 'fcm', 'bob-phone:APA91b0123')});
$cluster->sql(q{select herald.notify_device('group-news', 'topic', 'fcm', '/topics/news')});
$cluster->sql(q{select herald.notify_device('group-both', 'topic', 'fcm', '''news'' in topics && !(''muted'' in topics)')});

# Sends, and returns what arrived at a provider, its body as a structure, with its headers.
sub send_one
{
    my ($template, $recipient, $data, $category) = @_;
    my $before = $sandbox->count;
    my $id = $cluster->sql("select herald.notify_send('$template', '$recipient', '$data'"
          . ($category ? ", category => '$category'" : '') . ')');
    wait_final($cluster);
    my ($seen, @more) = grep { $_->{provider} =~ /^(?:apns|fcm)$/ } $sandbox->requests($before);
    is(scalar @more, 0, "$template for $recipient: no more than one request");
    my $result = $cluster->sql("select concat_ws(' ', state, code, reason) from herald.delivery where notification = '$id'");
    return ($result, undef) unless $seen;
    is($seen->{decision}, 'accept', "$template for $recipient: to the liking of the double") or diag $seen->{violation};
    my %headers = map { @$_ } @{ $seen->{headers} };
    return ($result, { %$seen, header => \%headers, json => decode_json($seen->{body}) });
}

add_template($cluster, 'parcel_moves', undef,
    'push/options' => '{"live_activity": {"event": "{{ event }}", "content_state": {"stops": {{ stops | json }}},'
      . ' "stale_date": 4102444800}, "relevance_score": 50}');
my ($result, $seen) = send_one('parcel_moves', 'ann', '{"event": "update", "stops": 2}');
is($result, 'sent', 'the update of a live activity is sent');
is("@{ $seen->{header} }{qw(apns-push-type apns-topic apns-priority)}",
    'liveactivity org.example.app.push-type.liveactivity 10', 'with type, topic and priority of one');
my $aps = $seen->{json}{aps};
ok(abs($aps->{timestamp} - time) < 600, 'and the time of the send');
is_deeply({ %$aps, timestamp => 0 },
    { timestamp => 0, event => 'update', 'content-state' => { stops => 2 }, 'stale-date' => 4102444800,
        'relevance-score' => 50 }, 'and its state, and nothing to show');
is($seen->{rendered}{to}, $activity, 'the page shows its token');
like($seen->{rendered}{data}, qr/"content-state":\{"stops":2\}/, 'and its state');

add_template($cluster, 'sync', undef, 'push/options' => '{"push_type": "background"}', 'push/data' => '{"folder": {{ n }}}');
($result, $seen) = send_one('sync', 'ann', '{"n": 7}');
is($result, 'sent', 'a background push is sent');
is("@{ $seen->{header} }{qw(apns-push-type apns-topic apns-priority)}", 'background org.example.app 5', 'as one');
is_deeply($seen->{json}, { aps => { 'content-available' => 1 }, folder => 7, nid => $seen->{json}{nid} }, 'with data');
($result, $seen) = send_one('sync', 'bob', '{"n": 7}');
is($result, 'sent', 'through FCM, too');
ok(!exists $seen->{json}{message}{notification}, 'as data alone');
is($seen->{json}{message}{data}{folder}, '7', 'which are texts');
is($seen->{json}{message}{apns}{headers}{'apns-push-type'}, 'background', 'and in the background for Apple');

add_template($cluster, 'ready', undef,
    'push/title' => 'Parcel {{ n }}', 'push/collapse_key' => 'parcel-{{ n }}',
    'push/options' => '{"data_only": {{ quiet }}, "analytics_label": "ready", "interruption_level": "time-sensitive"}',
    'push/data' => '{"n": {{ n }}}',
    'push/android' => '{"priority": "HIGH", "ttl": "60s"}', 'push/webpush' => '{"fcm_options": {"link": {{ url | json }}}}');
my %message;
for my $quiet (qw(true false))
{
    ($result, $seen) = send_one('ready', 'bob', qq({"n": 8, "quiet": $quiet, "url": "https://example.org/?a=\\"b"}));
    is($result, 'sent', "data_only $quiet: sent");
    $message{$quiet} = $seen->{json}{message};
    is_deeply($message{$quiet}{webpush}, { fcm_options => { link => 'https://example.org/?a="b' } }, 'the block for browsers');
    is($message{$quiet}{fcm_options}{analytics_label}, 'ready', 'the label');
    is("@{ $message{$quiet}{android} }{qw(priority ttl collapse_key)}", 'HIGH 60s parcel-8', 'the block for Android');
}
ok(!exists $message{true}{notification} && !exists $message{true}{android}{notification}, 'data alone');
is($message{true}{apns}{payload}{aps}{alert}{title}, 'Parcel 8', 'and an alert for Apple');
is($message{false}{notification}{title}, 'Parcel 8', 'or a notification');

add_template($cluster, 'headline', undef, 'push/title' => '{{ title }}');
($result, $seen) = send_one('headline', 'group-news', '{"title": "Tea is back"}', 'news');
is($result, 'sent', 'a message for a topic is sent');
is($seen->{json}{message}{topic}, 'news', 'to the topic');
is("$seen->{rendered}{to}: $seen->{rendered}{title}", 'news: Tea is back', 'the page shows it');
($result, $seen) = send_one('headline', 'group-both', '{"title": "Tea is back"}', 'news');
is($result, 'sent', 'and one for a condition');
is($seen->{rendered}{to}, q{'news' in topics && !('muted' in topics)}, 'to the condition');
for my $category ('orders', undef)
{
    my $name = $category // 'none';
    ($result, $seen) = send_one('headline', 'group-news', '{"title": "Parcel 9"}', $category);
    is($seen, undef, "category $name: nothing is sent to a topic");
    like($result, qr/^failed topic_not_allowed .*category does not allow/, 'with the reason');
}
$cluster->sql(q{select herald.notify_category('orders', topics => true)});
($result) = send_one('headline', 'group-news', '{"title": "Parcel 9"}', 'orders');
is($result, 'sent', 'until the category allows it');

add_template($cluster, 'mistyped', undef, 'push/title' => 'x', 'push/options' => '{"badges": 1}');
for my $recipient (qw(ann bob))
{
    ($result, $seen) = send_one('mistyped', $recipient, '{}');
    like($result, qr/^failed bad_options options has a member "badges" that is none of /, "$recipient: an unknown option is named");
}
is($cluster->sql(q{select count(*) from herald.device_token where state <> 'active'}), 0, 'no token is blamed');
is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
done_testing();
