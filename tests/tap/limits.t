# What an account may do in a second, in a day and at once is shared by all dispatchers.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(wait_for);
use List::Util qw(max sum0);
use Test::More;

my ($cluster, $sandbox) = start_all('limits');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'email/subject' => '{{ n }}', 'email/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010', email => 'r@example.org')});

sub limit
{
    my ($account, $limit, $max) = @_;
    return $cluster->sql("update herald.provider set settings = settings - '{max_per_second,max_per_minute,max_per_day}'::text[]"
          . " || jsonb_build_object('$limit', $max) where name = '$account'");
}

sub send_texts
{
    my ($text, $count) = @_;
    return $cluster->sql(qq{select count(herald.notify_send('t', 'r', jsonb_build_object('n', '$text' || i), channels => '{sms}'))
        from generate_series(1, $count) i});
}

sub arrivals { return map { $_->{mono_us} } grep { $_->{provider} eq 'twilio' && $_->{body} =~ /Body=$_[0]/ } $sandbox->requests }

# Most requests that arrived within any so many microseconds.
sub fullest
{
    my ($window_us, @at) = @_;
    my ($most, $first) = (0, 0);
    for my $last (0 .. $#at)
    {
        $first++ while $at[$last] - $at[$first] >= $window_us;
        $most = max($most, $last - $first + 1);
    }
    return $most;
}

# Two dispatchers; the second one came later.
limit('twilio', 'max_per_second', 40);
my @dispatchers = map { start_dispatcher($cluster, $sandbox, name => $_) } qw(first second);
{
    send_texts('paced', 200);
    wait_final($cluster, 60);
    my @at = arrivals('paced');
    my @shares = split / /, $cluster->sql(q{select string_agg(n::text, ' ') from (select count(*) n from herald.attempt group by epoch) s});
    is(scalar @at, 200, 'all arrive');
    # Requests leave on time; on the way some are held up.
    cmp_ok(fullest(1_000_000, @at), '<=', 48, 'no second has many more than the limit');
    cmp_ok($at[-1] - $at[0], '>=', 4_000_000, 'and all of them take their time');
    is(scalar @shares, 2, 'both dispatchers work');
    cmp_ok(max(@shares), '<=', 130, 'about equally much');
}

# Concurrency counts for all of them together.
{
    limit('twilio', 'max_per_minute', 1_000_000);
    $cluster->sql(q{update herald.provider set concurrency = 1 where name = 'twilio'});
    $_->wait_for_log(qr/account is in use.*twilio.*account is in use.*twilio.*account is in use.*twilio/s) for @dispatchers;
    $sandbox->script([ { match => { body => 'Body=single' }, fault => 'delay', delay_ms => 300 } ]);
    send_texts('single', 6);
    wait_final($cluster, 60);
    my @at = arrivals('single');
    is(scalar(grep { $at[$_] - $at[ $_ - 1 ] < 250_000 } 1 .. $#at), 0, 'with concurrency 1 only one of them has a request under way');
    $cluster->sql(q{update herald.provider set concurrency = 100 where name = 'twilio'});
    $sandbox->script([]);
}

# Of a day's requests not one more is made; then the next account takes over.
{
    limit('twilio', 'max_per_day', 30);
    send_texts('daily', 50);
    wait_for('the limit', sub { $cluster->sql(q{select reason from herald.provider_health where provider = 'twilio'}) eq 'quota' }, 30);
    my $count = sub { scalar arrivals('daily') };
    is($count->(), 30, 'exactly as many as the day may have');
    is($cluster->sql(q{select taken from herald.provider_usage where provider = 'twilio'}), 30, 'and they are counted');
    $cluster->sql(q{select herald.notify_provider('spare', kind, channel::text, rank => 200, secrets => secrets, settings => settings - 'max_per_day')
        from herald.provider where name = 'twilio'});
    $cluster->sql(q{update herald.retry set due_at = now()});
    send_texts('spared', 10);
    wait_final($cluster, 60);
    is($count->(), 50, 'what waited goes through another account');
    is($cluster->sql(q{select count(*) from herald.attempt where provider = 'spare'}), 30, 'as does everything else');
    is($cluster->sql(q{select count(*) from herald.delivery where state <> 'sent'}), 0, 'nothing is lost');
    is($cluster->sql(q{select count(*) from herald.attempt where class <> 'accepted'}), 0, 'and no attempt was burnt');

    limit('twilio', 'max_per_day', 35);
    wait_for('the account', sub { $cluster->sql(q{select state from herald.provider_health where provider = 'twilio'}) eq 'closed' }, 30);
    send_texts('raised', 10);
    wait_final($cluster, 60);
    is($cluster->sql(q{select count(*) from herald.attempt where provider = 'twilio' and started_at > (select max(started_at)
        from herald.attempt a join herald.delivery d using (id) join herald.notification n on n.id = d.notification where n.data ->> 'n' like 'spared%')}),
        5, 'a higher limit holds at once');
}

# A dispatcher that stops gives back what it did not use.
{
    limit('twilio', 'max_per_day', 1000);
    send_texts('last', 5);
    wait_final($cluster, 30);
    $_->stop for @dispatchers;
    is($cluster->sql(q{select taken from herald.provider_usage where provider = 'twilio'}), 40, 'unused requests come back');
}
done_testing();
