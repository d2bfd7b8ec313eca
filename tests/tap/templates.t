# What templates share reaches the provider: bodies by name and locale, translations, modes, and new
# versions of them; a dispatcher keeps each version as it was published.
use strict;
use warnings;
use Herald::Fixture qw(start_all start_dispatcher wait_final);
use Test::More;

my ($cluster, $sandbox) = start_all('templates');
$cluster->sql(q{
    select herald.notify_recipient('en', phone => '+15005550010');
    select herald.notify_recipient('de', phone => '+15005550011', locale => 'de-AT');
    select herald.notify_template(name) from unnest('{footer,order,loose}'::text[]) name;
    select herald.notify_template('loose', mode => 'lax');
    select herald.notify_template_part('footer', 'shared', 'body', ' {{ shop }} {% render "place" %}');
    select herald.notify_template('place');
    select herald.notify_template_part('place', 'shared', 'body', 'Vienna');
    select herald.notify_template_part('place', 'shared', 'body', 'Wien', 'de');
    select herald.notify_template_part('order', 'sms', 'text', 'no {{ no }}{% include "footer" %}');
    select herald.notify_template_part('loose', 'sms', 'text', 'loose {{ nobody }}{{ no | nonsense }}');
    select herald.notify_template_publish(name) from unnest('{place,footer,order,loose}'::text[]) with ordinality n(name, o) order by o;
});
my $dispatcher = start_dispatcher($cluster, $sandbox);

# The text that arrives after a send.
sub arrives
{
    my ($template, $recipient, $no) = @_;
    $cluster->sql(qq{select herald.notify_send('$template', '$recipient', '{"no": $no, "shop": "Example"}')});
    wait_final($cluster);
    my ($request) = grep { $_->{body} =~ /$no/ } $sandbox->requests;
    my ($text) = ($request->{body} // '') =~ /\bBody=([^&]*)/;
    $text //= '';
    $text =~ tr/+/ /;
    $text =~ s/%(..)/chr hex $1/ge;
    return $text;
}

is(arrives('order', 'en', 101), 'no 101 Example Vienna', 'a shared body that uses another one');
is(arrives('order', 'de', 102), 'no 102 Example Wien', 'in the locale of the recipient');
is(arrives('loose', 'en', 103), 'loose 103', 'a lax template');
$cluster->sql(q{
    select herald.notify_template_part('place', 'shared', 'body', 'Graz');
    select herald.notify_template_publish('place')});
is(arrives('order', 'en', 104), 'no 104 Example Vienna', 'a published version keeps what it uses');
my $id = $cluster->sql(q{select max(id::text) from herald.notification});
$cluster->sql(q{
    select herald.notify_template_part('place', 'shared', 'body', 'Linz');
    select herald.notify_template_publish('place', dependents => true)});
is(arrives('order', 'en', 105), 'no 105 Example Linz', 'until it is published anew');
is($cluster->sql("select content from herald.notify_replay_preview('$id')"), 'no 104 Example Vienna',
    'what was sent is rendered again as it was');

# Tracking links: what arrives leads back to the URL.
$cluster->sql(q{
    select herald.notify_setting('tracking_url', 'https://t.example.com');
    select herald.notify_template('tracked');
    select herald.notify_template_part('tracked', 'sms', 'text',
        '{{ "https://shop.example.com/" | append: no | tracking_link }} {{ "https://shop.example.com/help" | tracking_link }} {{ no }}');
    select herald.notify_template_publish('tracked')});
my @links = arrives('tracked', 'en', 106) =~ m{https://t\.example\.com/c/([\w-]{22})/(\d+)}g;
is(scalar @links, 4, 'two tracking links arrive');
is($cluster->sql("select herald.link_target('$links[0]', $links[1])"), 'https://shop.example.com/106', 'the first one leads to its URL');
is($cluster->sql("select herald.link_target('$links[2]', $links[3])"), 'https://shop.example.com/help', 'and the second');
is($cluster->sql("select herald.link_target('$links[0]', 3) is null"), 't', 'there is no third');
is($cluster->sql(q{select count(*) from herald.notification n, herald.notify_replay_preview(n.id) p
    where n.template = 'tracked' and p.content like '%/c/} . "$links[0]/1%'"), 1, 'the replay prints the same link');

# URLs of objects: what arrives is signed as SQL signs, from the time of the notification on.
my $object = $cluster->sql(q{select herald.notify_object('\x0102', 'image/png', 'a.png')});
$cluster->sql(q{
    select herald.notify_setting('object_base_url', 'https://o.example.com');
    select herald.notify_template('shown');
    select herald.notify_template_part('shown', 'sms', 'text', '{{ object | upcase | object_url }} {{ object | object_url: 30 }} {{ no }}');
    select herald.notify_template_publish('shown')});
$cluster->sql("select herald.notify_send('shown', 'en', '{\"no\": 107, \"object\": \"$object\"}')");
wait_final($cluster);
my ($shown) = grep { /o\.example\.com/ } map { $_->{rendered}{text} // '' } $sandbox->requests;
my $sent = q{select extract(epoch from created_at)::numeric from herald.notification where template = 'shown'};
my $urls = $cluster->sql("select string_agg('https://o.example.com/o/' || herald.object_token(herald.object_signer(), '$object',"
      . " (floor(($sent)) + days * 86400)::bigint), ' ' order by days) from unnest(array[7, 30]) days");
is($shown, "$urls 107", 'URLs of objects arrive');
$cluster->sql(q{select herald.notify_setting('object_base_url', null)});
is($cluster->sql(q{select p.content from herald.notification n, herald.notify_replay_preview(n.id) p where n.template = 'shown'}),
    $shown, 'and the replay prints the same');
my ($token) = $shown =~ m{/o/(\S+)};
is($cluster->sql("select status from herald.object_get('$token')"), 200, 'they lead to the object');
$dispatcher->stop;

done_testing;
