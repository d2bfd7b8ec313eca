# Two accounts of one channel: which is tried for whom, and what happens when one of them does not work.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher state_of wait_final);
use Herald::Util qw(slurp wait_for);
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time);

my ($cluster, $sandbox) = start_all('failover');
for my $name (qw(one two))
{
    my $rank = $name eq 'one' ? 10 : 20;
    $cluster->sql("select herald.notify_provider('$name', kind, channel::text, rank => $rank, secrets => secrets,"
          . " settings => settings || '{\"status_callback\": \"https://$name.example.org/\"}') from herald.provider where name = 'twilio'");
}
$cluster->sql(q{select herald.notify_provider_remove('twilio')});
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'email/subject' => '{{ n }}', 'email/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_category('once', policy => 'at_most_once')});
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010', email => 'r@example.org')});
my $dispatcher = start_dispatcher($cluster, $sandbox);

sub send_text
{
    my ($text, %with) = @_;
    my ($to, $channel) = ($with{to} // 'r', $with{channel} // 'sms');
    my $more = $with{category} ? ", category => '$with{category}'" : '';
    return $cluster->sql("select herald.notify_send('t', '$to', '{\"n\": \"$text\"}', channels => '{$channel}'$more)");
}

# The account of each attempt with what came of it: "one config, two accepted".
sub attempts_of
{
    my ($notification) = @_;
    return $cluster->sql(qq{select coalesce(string_agg(concat_ws(' ', a.provider, a.class), ', ' order by a.attempt), '')
        from herald.attempt a join herald.delivery_status d using (id) where d.notification = '$notification'});
}

# Spoil the requests of an account; its reports go to a host of that name.
sub spoil
{
    my ($name, %fault) = @_;
    return { match => { provider => 'twilio', body => "$name.example.org" }, %fault };
}

sub health { return $cluster->sql("select concat_ws(' ', state, reason) from herald.provider_health where provider = '$_[0]'") }

# How often each text arrived and was accepted.
sub accepted
{
    my %count;
    for my $request (grep { $_->{decision} eq 'accept' } $sandbox->requests)
    {
        $count{$1}++ if $request->{body} =~ /\bBody=(\w+)/;
    }
    return \%count;
}

sub fresh
{
    $sandbox->script([]);
    for my $name (qw(one two))
    {
        # A changed account starts without a pause.
        $cluster->sql("update herald.provider set settings = settings || jsonb_build_object('timeout_ms', 20000 + (random() * 9000)::integer)"
              . " where name = '$name'");
    }
    wait_for('accounts to be well', sub { health('one') eq 'closed' && health('two') eq 'closed' });
    return;
}

# One refusal each: config, throttle and retry go to the next account at once.
{
    my %faults = (
        config => { status => 401, body => '{"code": 20003, "message": "Authenticate", "status": 401}' },
        throttle => { status => 429, body => '{"code": 20429, "message": "Too Many Requests", "status": 429}' },
        retry => { status => 400, body => '{"code": 30008, "message": "Unknown error", "status": 400}' });
    for my $class (sort keys %faults)
    {
        $sandbox->script([ spoil('one', fault => 'status', times => 1, %{ $faults{$class} }) ]);
        my $id = send_text("fail$class");
        wait_for('the delivery', sub { state_of($cluster, $id) eq 'sent' }, 10);
        my $gap_ms = $cluster->sql(qq{select round(1000 * extract(epoch from max(a.started_at) - min(a.finished_at)), 1)
            from herald.attempt a join herald.delivery d using (id) where d.notification = '$id'});
        cmp_ok($gap_ms, '<', 1000, "$class: another account tries it within a second (after $gap_ms ms)");
        is(attempts_of($id), "one $class, two accepted", 'each try is an attempt');
        is($cluster->sql("select attempts from herald.delivery where notification = '$id'"), 2, 'and counts');
        fresh();
    }
    my $id = send_text('both');
    wait_for('the delivery', sub { state_of($cluster, $id) eq 'sent' });
    is(attempts_of($id), 'one accepted', 'afterwards the first one is used again');
}

# Everybody refuses: each is tried once, then it waits; a second claim goes on with the numbers.
{
    $sandbox->script([ map { spoil($_, fault => 'status', status => 400, times => 1,
                body => '{"code": 30008, "message": "Unknown error", "status": 400}') } qw(one two) ]);
    my $id = send_text('nobody');
    wait_for('the delivery', sub { state_of($cluster, $id) eq 'sent' }, 20);
    is(attempts_of($id), 'one retry, two retry, one accepted', 'when nobody takes it, it waits and begins anew');
    is($cluster->sql("select string_agg(attempt::text, ' ' order by attempt) from herald.attempt a join herald.delivery d using (id)"
              . " where d.notification = '$id'"), '1 2 3', 'with numbers that go on');
}

# An answer that was lost is repeated by policy only, and never at once.
{
    $sandbox->script([ spoil('one', fault => 'status', status => 500, times => 2, body => '{"code": 20500, "message": "x", "status": 500}') ]);
    my $id = send_text('lost');
    my $once = send_text('lostonce', category => 'once');
    wait_for('the deliveries', sub { state_of($cluster, $id) eq 'sent' && state_of($cluster, $once) eq 'unknown' }, 20);
    is(attempts_of($id), 'one unknown, one accepted', 'at least once: tried again later');
    is(attempts_of($once), 'one unknown', 'at most once: not again, by nobody');
    fresh();
}

# An outage: the circuit opens, the other account carries on, nothing is sent twice.
{
    $cluster->sql(q{select count(herald.notify_send('t', 'r', jsonb_build_object('n', 'calm' || i), channels => '{email}')) from generate_series(1, 200) i});
    wait_final($cluster, 30);
    my $latency = q{select coalesce(round(percentile_cont(0.95) within group (order by extract(epoch from d.finished_at - d.created_at) * 1000)), 0)
        from herald.delivery d join herald.notification n on n.id = d.notification where n.data ->> 'n' like '%s%%'};
    my $calm_ms = $cluster->sql(sprintf $latency, 'calm');
    $sandbox->script([ spoil('one', fault => 'status', status => 400, body => '{"code": 30008, "message": "down", "status": 400}') ]);
    for my $round (1 .. 8)
    {
        $cluster->sql(qq{select count(*) from (
            select herald.notify_send('t', 'r', jsonb_build_object('n', 'down' || $round || 'x' || i), channels => '{sms}'),
                   herald.notify_send('t', 'r', jsonb_build_object('n', 'mail' || $round || 'x' || i), channels => '{email}')
              from generate_series(1, 25) i) x});
        wait_for("round $round", sub {
            $cluster->sql(qq{select count(*) from herald.delivery d join herald.notification n on n.id = d.notification
                where n.data ->> 'n' like 'down${round}x%'}) == 25;
        }, 30);
    }
    wait_final($cluster, 30);
    is(health('one') =~ s/^probing/open/r, 'open outage', 'the circuit of the account that is down is open');
    is(health('two'), 'closed', 'that of the other one is not');
    my $worst_ms = $cluster->sql(q{select round(max(extract(epoch from d.finished_at - d.created_at)) * 1000)
        from herald.delivery d join herald.notification n on n.id = d.notification where n.data ->> 'n' like 'down%'});
    cmp_ok($worst_ms, '<', 1000, "every message is delivered by the other one within a second (worst: $worst_ms ms)");
    is($cluster->sql(q{select string_agg(distinct d.provider || ' ' || d.state, ', ') from herald.delivery d
        join herald.notification n on n.id = d.notification where n.data ->> 'n' like 'down%'}), 'two sent', 'all of them');
    my %count = %{ accepted() };
    is(max(map { $count{$_} } grep { /^down/ } keys %count), 1, 'none twice');
    is(scalar(grep { /^down/ } keys %count), 200, 'and none is missing');
    my $tried = $cluster->sql(q{select count(*) from herald.attempt a join herald.delivery d using (id) join herald.notification n on n.id = d.notification
        where a.provider = 'one' and n.data ->> 'n' like 'down%'});
    cmp_ok($tried, '<', 100, "the account that is down is asked seldom ($tried of 200)");
    my $mail_ms = $cluster->sql(sprintf $latency, 'mail');
    cmp_ok($mail_ms, '<', $calm_ms + 500, "the other channel does not notice (95 %: $mail_ms ms, before: $calm_ms ms)");
    is($cluster->sql(q{select (select e.provider from herald.notify_route_explain('r', 'sms') e limit 1)
            = case h.state when 'open' then 'two' else 'one' end from herald.provider_health h where h.provider = 'one'}), 't',
        'explain says so');
    $sandbox->script([]);
    wait_for('the account to recover', sub { send_text('probe'); sleep 1; health('one') eq 'closed' }, 60);
    wait_final($cluster, 30);
    my $id = send_text('back');
    wait_final($cluster, 30);
    is(attempts_of($id), 'one accepted', 'one success closes it again');
}

# An operator pauses and resumes; that burns no attempts.
{
    my $start = time;
    $cluster->sql(q{select herald.notify_provider_pause('one', 'billing')});
    $dispatcher->wait_for_log(qr/account is paused.*account=one cause=operator/);
    cmp_ok(time - $start, '<', 1, 'a pause is known within a second');
    my $id = send_text('aside');
    wait_final($cluster, 10);
    is(attempts_of($id), 'two accepted', 'a paused account is passed over');
    $cluster->sql(q{select herald.notify_provider_pause('two', 'too')});
    $dispatcher->wait_for_log(qr/account is paused.*account=two cause=operator/);
    my $waits = send_text('waits');
    my $mail = send_text('goes', channel => 'email');
    wait_for('the mail', sub { state_of($cluster, $mail) eq 'sent' });
    is(state_of($cluster, $waits), 'queued', 'without any account it waits');
    is(health('one'), 'paused billing', 'the pause is told');
    is($cluster->sql(q{select string_agg(reason, ', ' order by position) from herald.notify_route_explain('r', 'sms')}),
        'paused: billing, paused: too', 'and explained');
    $start = time;
    $cluster->sql(q{select herald.notify_provider_resume('two')});
    wait_for('the delivery', sub { state_of($cluster, $waits) eq 'sent' });
    cmp_ok(time - $start, '<', 2, 'it goes on at once when one is resumed');
    is(attempts_of($waits), 'two accepted', 'at the first attempt');
    $cluster->sql(q{select herald.notify_provider_pause('one', 'short', clock_timestamp() + interval '1 s')});
    wait_for('the end of the pause', sub { send_text('later'); sleep 1; wait_final($cluster);
        $cluster->sql(q{select provider from herald.delivery order by finished_at desc limit 1}) eq 'one' }, 30);
    pass('a pause ends by itself');
}

# China, by phone number, attribute and locale; shares of 80 and 20; each as explain says.
{
    $cluster->sql(q{select herald.notify_route('china', 'sms', '{two,one}', '{"country": "CN"}', 10)});
    $cluster->sql(q{select herald.notify_route('china-mail', 'email', '{sendgrid}', '{"country": "CN"}', 10)});
    $cluster->sql(q{select herald.notify_route('vip', 'email', '{sendgrid,smtp}', '{"attributes": {"plan": ["pro", 7]}, "region": "EU"}', 20)});
    $cluster->sql(q{select herald.notify_route('mail', 'email', '{smtp,sendgrid}', weights => '{80,20}')});
    $cluster->sql(q{select herald.notify_route('once', 'sms', '{two}', '{"category": "once"}', 5)});
    $cluster->sql(q{select herald.notify_recipient(id, email => email, phone => phone, locale => locale, attributes => attributes::jsonb, region => region)
        from (values ('phone', 'a@example.org', '+8613800138000', 'en-US', '{}', null),
                     ('attribute', 'b@example.org', '+15005550011', 'en-US', '{"country": "cn"}', null),
                     ('locale', 'c@example.org', '+15005550012', 'zh-Hans-CN', '{}', null),
                     ('abroad', 'd@example.org', '+15005550013', 'zh-CN', '{"country": "DE"}', null),
                     ('region', 'e@example.org', '+8613800138001', 'zh-CN', '{}', 'US'),
                     ('vip', 'f@example.org', '+15005550014', 'de-AT', '{"plan": 7}', null),
                     ('novip', 'g@example.org', '+15005550015', 'de-CH', '{"plan": 7}', null),
                     ('texted', 'h@example.org', '+15005550016', 'de-AT', '{"plan": "7"}', null)) v(id, email, phone, locale, attributes, region)});
    $cluster->sql(q{select count(herald.notify_recipient('s' || i, email => 's' || i || '@example.org', phone => '+1500556' || 1000 + i)) from generate_series(1, 1000) i});
    for my $round (1, 2)
    {
        $cluster->sql(qq{select count(herald.notify_send('t', id, '{"n": "share$round"}', channels => '{email}')) from herald.recipient});
        $cluster->sql(qq{select count(herald.notify_send('t', id, '{"n": "china$round"}', channels => '{sms}')) from herald.recipient
            where id !~ '[0-9]'});
        $cluster->sql(qq{select herald.notify_send('t', 'vip', '{"n": "china$round"}', channels => '{sms}', category => 'once')});
        wait_final($cluster, 60);
    }
    is($cluster->sql(q{select string_agg(distinct d.recipient || ' ' || d.provider, ', ') from herald.delivery d
            join herald.notification n on n.id = d.notification where n.data ->> 'n' like 'china%' and d.category is null}),
        'abroad one, attribute two, locale one, novip one, phone two, r one, region one, texted one, vip one',
        'text messages: the number tells the country unless the attribute or region does');
    is($cluster->sql(q{select string_agg(distinct provider, ' ') from herald.delivery where recipient = 'vip' and category = 'once'}), 'two',
        'a category has a route of its own');
    my $mails = q{select d.recipient, d.provider from herald.delivery d join herald.notification n on n.id = d.notification where n.data ->> 'n' like 'share%'};
    is($cluster->sql("select string_agg(distinct recipient || ' ' || provider, ', ') from ($mails) x where recipient in ('attribute', 'locale', 'vip')"),
        'attribute sendgrid, locale sendgrid, vip sendgrid', 'mail: attribute or locale');
    my $share = $cluster->sql("select count(distinct recipient) from ($mails) x where recipient ~ '^s[0-9]' and provider = 'smtp'");
    cmp_ok(abs($share - 800), '<', 50, "80 to 20 over a thousand recipients: $share");
    is($cluster->sql("select count(*) from (select recipient from ($mails) x group by recipient having count(distinct provider) > 1) y"), 0,
        'each stays with its account');
    is($cluster->sql(q{select count(*) from (select d.recipient, d.channel::text, d.category, d.provider from herald.delivery d
              join herald.notification n on n.id = d.notification where n.data ->> 'n' ~ '^(share|china)2' and d.recipient !~ '[0-9]{3}') d
        where d.provider is distinct from (select e.provider from herald.notify_route_explain(d.recipient, d.channel, d.category) e limit 1)}), 0,
        'each went where explain says');
    my $codes = join "\n", sort map { s/"(\d+)", "(\w+)"/$2 $1/r } slurp("$ENV{HERALD_ROOT}/dispatcher/core/calling_code.def") =~ /CALLING_CODE\((".*?)\)/g;
    is($codes, join("\n", sort split /\n/, $cluster->sql(q{select country || ' ' || digits from herald.calling_codes()})),
        'calling codes are the same in C and in SQL');
    $cluster->sql(q{delete from herald.route});
}

# What a dispatcher cannot use, and what it leaves when it is gone.
{
    $cluster->sql(q{select herald.notify_provider('odd', 'twilio', 'sms', rank => 1, settings => (select settings from herald.provider where name = 'one'),
        secrets => '{"auth_token": "env:NOT_THERE"}')});
    wait_for('the complaint', sub { health('odd') =~ /^open unusable: secret auth_token: .*NOT_THERE/ });
    my $id = send_text('odd');
    wait_final($cluster, 10);
    is(attempts_of($id), 'one accepted', 'an account that cannot be used is passed over');
    like($cluster->sql(q{select reason from herald.notify_route_explain('r', 'sms') where provider = 'odd'}), qr/^circuit open since .*: unusable: /,
        'explain knows');
    is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
    my $heir = start_dispatcher($cluster, $sandbox, name => 'heir', args => [ '--name', 'heir' ]);
    wait_for('its states to go', sub {
        $cluster->sql(q{select dispatchers from herald.provider_health where provider = 'one'}) eq '{heir}'
          && $cluster->sql('select count(distinct epoch) from herald.provider_state') == 1;
    }, 20);
    pass('what a dispatcher has told goes with it');
    is($heir->stop, 0, 'so does the other one');
}
done_testing();
