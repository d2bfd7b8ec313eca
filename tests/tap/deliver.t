# The dispatcher by itself: its commands, --once, accounts that break and mend, several tokens of a
# device, sessions that are cut, and how it stops.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher state_of wait_final);
use Herald::Util qw(free_port wait_for);
use HTTP::Tiny;
use PostgreSQL::Test::Utils qw(run_command);
use Test::More;

my ($cluster, $sandbox) = start_all('deliver');
my $program = "$ENV{HERALD_BIN}/herald-dispatcher";
my %libpq = $cluster->libpq_environment('dispatcher');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'push/title' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});

sub send_text
{
    my ($text, %with) = @_;
    my $to = $with{to} // 'r';
    my $channel = $with{channel} // 'sms';
    return $cluster->sql(
        "select herald.notify_send('t', '$to', '{\"n\": \"$text\"}', channels => '{$channel}')");
}

sub arrived
{
    my ($text) = @_;
    return scalar grep { $_->{body} =~ /$text\b/ } $sandbox->requests;
}

sub classes
{
    my ($notification) = @_;
    return $cluster->sql(qq{select coalesce(string_agg(a.class::text, ' ' order by a.attempt), '')
        from herald.attempt a join herald.delivery_status d on a.id = d.id
       where d.notification = '$notification'});
}

# Runs the program to its end: (exit code, output, errors).
sub run_program
{
    my (@args) = @_;
    local %ENV = (%ENV, %libpq, $sandbox->secrets);
    my ($stdout, $stderr) = run_command([ $program, @args ]);
    return ($? >> 8, $stdout, $stderr);
}

# Commands that only print, and mistakes.
{
    my ($code, $out, $err) = run_program('--list-edges');
    my $edges = $cluster->sql(
        q{select from_state || ' ' || to_state from herald.delivery_edge order by 1});
    is(join("\n", sort split /\n/, $out), join("\n", sort split /\n/, $edges),
        'the states have the same edges in C and in SQL');
    ($code, $out) = run_program('--version');
    like($out, qr/^herald-dispatcher \(pg_herald\) \d+\.\d+$/, '--version');
    ($code, $out) = run_program('--list-providers');
    like($out, qr/^twilio \(channel sms\)/m, '--list-providers names the kinds');
    like($out, qr/^ +auth_token +secret/m, 'and their settings');
    ($code, $out, $err) = run_program('-d', 'dbname=app password=tell');
    is($code, 2, 'a password on the command line is refused');
    like($err, qr/PGPASSFILE/, 'with a hint');
    unlike($err, qr/tell/, 'and not repeated');
    ($code, $out, $err) = run_program('--channels', 'sms,pigeon');
    is($code, 2, 'an unknown channel is refused');
    like($err, qr/pigeon/, 'by name');
    ($code, $out, $err) = run_program('-d', 'dbname=postgres', '--once');
    is($code, 1, 'a database without the extension is refused');
    like($err, qr/no extension pg_herald/, 'with the reason');
}

# --check-config tells what works and what does not.
{
    my ($code, $out) = run_program('--check-config');
    is($code, 0, '--check-config accepts the accounts') or diag $out;
    like($out, qr/^ok: account twilio /m, 'and names them');
    $cluster->sql(q{select herald.notify_provider('bad', 'twilio', 'sms', rank => 1,
        settings => '{"account_sid": "AC00000000000000000000000000000000", "from": "+15005550006"}',
        secrets => '{"auth_token": "env:NOT_THERE"}')});
    ($code, $out) = run_program('--check-config');
    is($code, 1, 'an unresolved secret fails the check');
    like($out, qr/^failed: account bad .*NOT_THERE/m, 'with its reference');
    $cluster->sql(q{select herald.notify_provider_remove('bad')});
}

# --once drains and ends.
{
    my @ids = map { send_text("once$_") } 1 .. 5;
    my ($code, $out, $err) = run_program('--once');
    is($code, 0, '--once ends with 0') or diag $err;
    is(join(' ', map { state_of($cluster, $_) } @ids), 'sent ' x 4 . 'sent', 'when all was sent');
    is(arrived('once\d'), 5, 'once each');
    like($cluster->sql("select d.provider || ' ' || d.provider_id || ' ' || d.attempts
            from herald.delivery d where d.notification = '$ids[0]'"),
        qr/^twilio SM\w+ 1$/, 'account, reference and attempts are recorded');
    is((run_program('--once'))[0], 0, 'with nothing to do it ends at once');
}

# --once says when it left something behind.
{
    $sandbox->script([ { match => { body => 'Body=paused' }, times => 1, fault => 'status', status => 401,
                body => '{"code": 20003, "message": "Authenticate", "status": 401}' } ]);
    my $id = send_text('paused');
    is((run_program('--once'))[0], 3, '--once ends with 3 when an account is paused');
    is(state_of($cluster, $id), 'retry', 'and the delivery waits');
    $cluster->sql("select herald.notify_cancel('$id')");
    $cluster->sql(q{update herald.provider set enabled = false where name = 'twilio'});
    $id = send_text('unserved');
    my ($code, $out, $err) = run_program('--once');
    is($code, 3, 'and when a channel has no account');
    like($err, qr/wait for a channel without an account" channel=sms count=1/, 'with the channel');
    is((run_program('--once', '--channels', 'email'))[0], 0, 'not for channels of others');
    $cluster->sql("select herald.notify_cancel('$id')");
    $cluster->sql(q{update herald.provider set enabled = true where name = 'twilio'});
}

# A template that does not fit its data fails its delivery alone.
{
    my ($id) = $cluster->sql("select herald.notify_send('t', 'r', '{}', channels => '{sms}')");
    run_program('--once');
    is(state_of($cluster, $id), 'failed', 'an unknown variable fails the delivery');
    like($cluster->sql("select reason from herald.delivery where notification = '$id'"),
        qr/template t version 1: part text, line 1, column \d+/, 'and the reason says where');
}

my $port = free_port();
my $dispatcher = start_dispatcher($cluster, $sandbox, args => [ '--metrics', "127.0.0.1:$port" ]);
sub metric
{
    my ($name) = @_;
    my $text = HTTP::Tiny->new->get("http://127.0.0.1:$port/metrics")->{content};
    return $text =~ /^\Q$name\E ([\d.]+)$/m ? $1 : "no $name";
}

# Wake-up, metrics, health.
{
    my $id = send_text('hello');
    wait_final($cluster, 10);
    is(state_of($cluster, $id), 'sent', 'a running dispatcher is woken');
    is(HTTP::Tiny->new->get("http://127.0.0.1:$port/healthz")->{status}, 200, 'it is healthy');
    is(metric('herald_attempts_total{channel="sms",account="twilio",class="accepted"}'), 1,
        'the attempt is counted');
    is(metric('herald_armed'), 1, 'so is what is armed');
    wait_for('the checks', sub { metric('herald_health{check="doorbell"}') eq 1 });
}

# A device with two tokens: the dead one is retired, the other one used.
{
    my $device = $cluster->sql(
        q{select herald.notify_device('r', 'android', 'fcm', 'live:APA91bLive0', app => 'org.example.app')});
    $cluster->sql(qq{select herald.notify_device('r', 'android', 'fcm', 'dead:APA91bDead0',
        app => 'org.example.app', device => '$device')});
    $sandbox->script([ { match => { provider => 'fcm', body => 'dead:APA91bDead0' }, times => 9,
                fault => 'status', status => 404,
                body => '{"error":{"code":404,"status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}' } ]);
    my $id = send_text('twotokens', channel => 'push');
    wait_final($cluster, 20);
    is(state_of($cluster, $id), 'sent', 'the second token gets it');
    is($cluster->sql(q{select string_agg(token || ' ' || state, ' ' order by token) from herald.device_token}),
        'dead:APA91bDead0 retired live:APA91bLive0 active', 'the first one is retired');
    is(classes($id), 'token_invalid accepted', 'both tries are on record');
    $sandbox->script([]);
}

# Credentials that are refused pause the account, burn no attempts, and mend.
{
    $sandbox->script([ { match => { body => 'Body=refused' }, times => 1, fault => 'status', status => 401,
                body => '{"code": 20003, "message": "Authenticate", "status": 401}' } ]);
    my $id = send_text('refused');
    $dispatcher->wait_for_log(qr/account is paused.*account=twilio cause=config/);
    my $second = send_text('behind');
    wait_for('the delivery to wait', sub { state_of($cluster, $id) eq 'retry' });
    is($cluster->sql("select failures from herald.retry where notification = '$id'"), 0,
        'a refused credential does not count against the delivery');
    is(metric('herald_paused_accounts'), 1, 'the pause shows in the metrics');
    is(metric('herald_account_paused{channel="sms",account="twilio"}'), 1, 'with the account');
    wait_for('the backlog', sub {
        metric('herald_backlog{channel="sms",state="waiting"}') == 1 && metric('herald_oldest_seconds{channel="sms"}') > 0;
    });
    is(state_of($cluster, $second), 'queued', 'nothing is claimed for a paused account');
    $cluster->sql(q{select herald.notify_provider('twilio', kind, channel::text,
        settings => settings || '{"timeout_ms": 9000}', secrets => secrets)
        from herald.provider where name = 'twilio'});
    wait_for('the second one', sub { state_of($cluster, $second) eq 'sent' }, 20);
    wait_final($cluster, 60);
    is(state_of($cluster, $id), 'sent', 'a changed account is used at once, the first one follows');
    is(classes($id), 'config accepted', 'after one refusal');
}

# A broken new form leaves the old one in use.
{
    my $before = $cluster->sql(q{select settings from herald.provider where name = 'twilio'});
    $cluster->sql(q{update herald.provider set secrets = '{"auth_token": "env:NOT_THERE"}' where name = 'twilio'});
    $dispatcher->wait_for_log(qr/account cannot be used.*account=twilio.*NOT_THERE.*old="stays in use"/);
    my $id = send_text('stillworks');
    wait_final($cluster, 20);
    is(state_of($cluster, $id), 'sent', 'the old form of a broken account stays in use');
    $cluster->sql(q{update herald.provider set secrets = '{"auth_token": "env:TWILIO_AUTH_TOKEN"}' where name = 'twilio'});
}

# One result that the database refuses does not hold up its neighbours.
{
    $cluster->sql(q{alter table herald.attempt add constraint no_such_code check (code is distinct from '21617')});
    $sandbox->script([ { match => { body => 'Body=batch17' }, times => 1, fault => 'status', status => 400,
                body => '{"code": 21617, "message": "too long", "status": 400}' } ]);
    $cluster->sql(q{select herald.notify_send('t', 'r', jsonb_build_object('n', 'batch' || i), channels => '{sms}')
        from generate_series(1, 40) i});
    wait_final($cluster, 20);
    is($cluster->sql(q{select string_agg(s, ', ' order by s) from (select d.state || ' ' || count(*) as s
            from herald.delivery d join herald.notification n on n.id = d.notification
            where n.data ->> 'n' like 'batch%' group by d.state) x}),
        'failed 1, sent 39', 'the neighbours of a refused result are recorded');
    is(arrived('Body=batch\d+'), 40, 'and nothing was sent twice');
    like($dispatcher->log, qr/result is refused.*sqlstate=23514/, 'the log tells');
    $cluster->sql('alter table herald.attempt drop constraint no_such_code');
}

# While the database cannot take results they wait.
{
    $cluster->sql(q{create function full_disk() returns trigger language plpgsql as
        $$begin raise exception using errcode = '53100', message = 'disk full'; end$$});
    $cluster->sql('create trigger full_disk before insert on herald.attempt for each row execute function full_disk()');
    my $id = send_text('patience');
    $dispatcher->wait_for_log(qr/results wait.*sqlstate=53100/);
    is(state_of($cluster, $id), 'claimed', 'a result waits while the disk is full');
    $cluster->sql('drop function full_disk() cascade');
    wait_final($cluster, 20);
    is(state_of($cluster, $id), 'sent', 'and is recorded afterwards');
    is(arrived('Body=patience'), 1, 'without a second request');
}

# All sessions of the dispatcher are cut again and again while it works.
{
    $cluster->sql(q{select herald.notify_send('t', 'r', jsonb_build_object('n', 'cut' || i), channels => '{sms}')
        from generate_series(1, 150) i});
    for (1 .. 8)
    {
        $cluster->sql(q{select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'dispatcher'});
        $cluster->sql(q{select herald.notify_send('t', 'r', jsonb_build_object('n', 'cut' || gen_random_uuid()), channels => '{sms}')
            from generate_series(1, 50) i});
    }
    wait_final($cluster, 90);
    is($cluster->sql(q{select count(*) from herald.delivery d join herald.notification n on n.id = d.notification
            where n.data ->> 'n' like 'cut%' and d.state = 'sent'}), 550, 'cut sessions lose nothing');
    my $repeats = arrived('Body=cut[0-9a-f-]+') - 550;
    my $explained = $cluster->sql(q{select count(*) from herald.attempt a join herald.delivery d on d.id = a.id
        join herald.notification n on n.id = d.notification
        where a.class in ('lease_lost', 'unknown') and n.data ->> 'n' like 'cut%'});
    cmp_ok($repeats, '<=', $explained, "every repeat ($repeats) is explained ($explained)");
    is($cluster->sql('select count(*) from herald.claimed((select max(epoch) from herald.dispatcher))'), 0,
        'and no claim is left behind');
}
is($dispatcher->stop, 0, 'it ends cleanly');

# A stop waits for answers; one that does not come is recorded as unknown.
{
    my $stopping = start_dispatcher($cluster, $sandbox, name => 'stopping', args => [ '--drain', '2' ]);
    $sandbox->script([ { match => { body => 'Body=slowly' }, times => 1, fault => 'delay', delay_ms => 1000 },
            { match => { body => 'Body=never' }, times => 1, fault => 'hang' } ]);
    my $slowly = send_text('slowly');
    my $never = send_text('never');
    wait_for('both requests', sub { arrived('slowly') && arrived('never') });
    is($stopping->stop(20), 0, 'a dispatcher that is stopped ends with 0');
    is(state_of($cluster, $slowly), 'sent', 'the answer that came was recorded');
    is(state_of($cluster, $never), 'retry', 'the other one is tried again');
    is(classes($never), 'unknown', 'and its attempt has an unknown outcome');
    is($cluster->sql('select count(*) from herald.outbox where epoch is not null'), 0, 'no claim is left');
}

# A pause of the process longer than certainty about its claims, shorter than its lease.
{
    my $napping = start_dispatcher($cluster, $sandbox, name => 'napping');
    $cluster->sql(q{update herald.provider set concurrency = 1 where name = 'twilio'});
    $napping->wait_for_log(qr/account is in use.*twilio.*account is in use.*twilio/s);
    $sandbox->script([ { match => { body => 'Body=nap0' }, times => 1, fault => 'delay', delay_ms => 500 } ]);
    my @ids = map { send_text("nap$_") } 0 .. 1;
    wait_for('the first request', sub { arrived('nap0') });
    $napping->signal('STOP');
    sleep 6;
    $napping->signal('CONT');
    wait_for('all to be sent', sub { !grep { state_of($cluster, $_) ne 'sent' } @ids }, 20);
    is(arrived('nap\d'), 2, 'after a nap everything goes out once');
    is($napping->stop, 0, 'under the same epoch');
    unlike($napping->log, qr/epoch is gone/, 'that nobody took away');
    $cluster->sql(q{update herald.provider set concurrency = 100 where name = 'twilio'});
}

# A second signal does not wait.
{
    my $hurried = start_dispatcher($cluster, $sandbox, name => 'hurried');
    $sandbox->script([ { match => { body => 'Body=hurry' }, times => 1, fault => 'hang' } ]);
    send_text('hurry');
    wait_for('the request', sub { arrived('hurry') });
    $hurried->signal('TERM');
    $hurried->wait_for_log(qr/msg=stopping/);
    is($hurried->stop(3), 1 << 8, 'a second SIGTERM ends it at once');
}
done_testing();
