# The cheapest channel first, end to end: a push that is confirmed, one that is not, one that cannot
# arrive, and none at all; then many at once with two dispatchers and a crash.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(wait_for);
use Test::More;
use Time::HiRes qw(time);

my ($cluster, $sandbox) = start_all('fallback', conf => "restart_after_crash = on\n");
$cluster->sql(q{select herald.notify_category('slow', cheapest => '{push,sms}', wait => '1 hour')});
$cluster->sql(q{select herald.notify_category('fast', cheapest => '{push,sms}', wait => '4 seconds')});
$cluster->sql(q{select herald.notify_category('once', cheapest => '{push,sms}', wait => '1 hour', max_attempts => 1)});
$cluster->sql(q{update herald.provider set cost = 0.08, currency = 'EUR' where channel = 'sms'});
add_template($cluster, 't', undef, 'push/title' => '{{ n }}', 'sms/text' => '{{ n }}');
my %tokens = (well => 'ab' x 32, gone => 'dead' x 16, broken => 'fa030' . 'a' x 59);
for my $who (qw(well gone broken none))
{
    $cluster->sql("select herald.notify_recipient('$who', phone => '+15005550010')");
    $cluster->sql("select herald.notify_device('$who', 'ios', 'apns', '$tokens{$who}', 'org.example.app')") if $tokens{$who};
}
my @dispatchers = map { start_dispatcher($cluster, $sandbox, name => $_) } qw(one two);

sub send_to
{
    my ($who, $category) = @_;
    return $cluster->sql("select herald.notify_send('t', '$who', '{\"n\": \"for $who\"}', category => '$category')");
}

sub states
{
    my ($id) = @_;
    return $cluster->sql("select coalesce(string_agg(channel || ' ' || state, ', ' order by channel), '')
        from herald.delivery_status where notification = '$id'");
}

sub ends_as
{
    my ($id, $expected, $name, $least_s) = @_;
    my $start = time;
    wait_for($name, sub { states($id) eq $expected }, 30);
    cmp_ok(time - $start, '>=', $least_s, "$name: $expected");
    return;
}

sub waiting { return $cluster->sql("select count(*) from herald.fallback where id = '$_[0]'") }

ends_as(send_to('none', 'slow'), 'push suppressed, sms sent', 'without a device the text leaves at once', 0);
ends_as(send_to('gone', 'slow'), 'push failed, sms sent', 'with a dead one soon', 0);
ends_as(send_to('broken', 'once'), 'push dead, sms sent', 'so when attempts are exhausted', 0);
ends_as(send_to('well', 'fast'), 'push sent, sms sent', 'what nobody confirms is followed by a text', 3.5);

my $texts = () = grep { $_->{body} =~ /Body=for(?:\+|%20)well/ } $sandbox->requests;
is($texts, 1, 'of the same data');
my $id = send_to('well', 'fast');
wait_for('the push', sub { states($id) eq 'push sent' });
is(waiting($id), 1, 'a text waits');
$cluster->sql("update herald.delivery set receipt = 'delivered' where notification = '$id'");
wait_for('the decision', sub { waiting($id) == 0 }, 10);
is(states($id), 'push sent', 'a confirmed push is not followed');

# Each decision falls once, whoever takes it and whatever happens.
my $count = 300;
$cluster->sql("select count(herald.notify_send('t', 'well', '{\"n\": 1}', category => 'fast')) from generate_series(1, $count)");
wait_for('some texts', sub { $cluster->sql(q{select count(*) from herald.delivery_status where channel = 'sms'}) > 4 }, 20);
$cluster->stop('immediate');
$cluster->start;
wait_for('no more to wait', sub { $cluster->sql('select count(*) from herald.fallback') == 0 }, 30);
wait_final($cluster, 60);
is($cluster->sql(qq{select count(*) || ' ' || count(distinct notification) from herald.delivery where channel = 'sms'}),
    join(' ', ($count + 4) x 2), 'one text each, through a crash');
is($cluster->sql(q{select concat_ws(' ', sum(notifications), sum(confirmed), sum(escalated), sum(cost_avoided), min(currency)) from herald.channel_savings}),
    join(' ', $count + 4, 1, $count + 3, '0.080000 EUR'), 'savings are counted');
is($cluster->sql(q{select round(cost / accepted, 2) || ' ' || currency from herald.delivery_cost where channel = 'sms' limit 1}), '0.08 EUR', 'and costs');

$_->stop for @dispatchers;
$cluster->stop;
done_testing();
