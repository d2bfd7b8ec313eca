# herald-dispatcher as a program: its manual, start-up refusals, metrics, signals, lost sessions one
# by one, several of it side by side, times it keeps.
use strict;
use warnings;
use Herald::Cluster;
use Herald::Dispatcher;
use Herald::Fixture qw(add_template start_all start_dispatcher state_of wait_final);
use Herald::Util qw(free_port wait_for);
use HTTP::Tiny;
use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Utils qw(run_command);
use Test::More;
use Time::HiRes qw(sleep time);

# Else sessions would bear the name of this test.
delete $ENV{PGAPPNAME};
my ($cluster, $sandbox) = start_all('daemon');
my $program = "$ENV{HERALD_BIN}/herald-dispatcher";
my %libpq = $cluster->libpq_environment('dispatcher');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});

sub send_text
{
    my ($text, $more) = @_;
    return $cluster->sql("select herald.notify_send('t', 'r', '{\"n\": \"$text\"}'" . ($more // '') . ')');
}

# Requests with such a body, once each or not.
sub arrived
{
    my ($pattern) = @_;
    return grep { $_->{body} =~ /Body=$pattern(?:&|$)/ } $sandbox->requests;
}

# Runs the program to its end: (exit code, output, errors, seconds).
sub run_program
{
    my (@args) = @_;
    local %ENV = (%ENV, %libpq, $sandbox->secrets);
    my $start = time;
    my ($stdout, $stderr) = run_command([ @args && $args[0] =~ m{^/} ? () : $program, @args ]);
    return ($? >> 8, $stdout, $stderr, time - $start);
}

# The manual, and mistakes in options.
{
    my ($code, $out, $err) = run_program('--help');
    is($code, 0, '--help ends with 0');
    like($out, qr/^usage: herald-dispatcher /im, 'begins with the usage');
    like($out, qr/--$_\b/, "knows --$_") for qw(conninfo once metrics check-config list-providers list-edges version);
    ($code, $out, $err) = run_program('--metric', '127.0.0.1:1', '--chanels', 'sms');
    is($code, 2, 'an unknown option is wrong usage');
    like($err, qr/chanels.*did you mean --channels/, 'and the nearest one is named');
    is(scalar(split /\n/, $err), 1, 'in one line');
    ($code, $out, $err) = run_program('--concurrency', '0');
    is($code, 2, 'a number out of range is wrong usage');
    like($err, qr/concurrency.*\b1\b/, 'and the range is told');
    SKIP:
    {
        skip 'no user namespaces here', 2 if system('unshare -r true 2>/dev/null') != 0;
        ($code, $out, $err) = run_program('/usr/bin/unshare', '-r', $program);
        is($code, 2, 'root is refused');
        like($err, qr/root/, 'by name');
    }
}

# A database that does not do.
{
    $cluster->safe_psql('postgres', 'create database newer');
    $cluster->safe_psql('newer', 'create extension pg_herald');
    $cluster->safe_psql('newer', q{update pg_extension set extversion = '2.0' where extname = 'pg_herald'});
    my ($code, $out, $err) = run_program('-d', 'dbname=newer');
    is($code, 1, 'an extension of another major version is refused');
    like($err, qr/pg_herald 2\.0\b.*dispatcher is \d+\.\d+/, 'with both versions');
    ($code, $out) = run_program('-d', 'dbname=newer', '--check-config');
    is($code, 1, 'by --check-config as well');
    like($out, qr/^failed: .*version.*2\.0/m, 'with its version');
    ($code, $out, $err) = run_program('-d', 'dbname=postgres');
    is($code, 1, 'a database without the extension is refused');
    like($err, qr/no extension pg_herald/, 'with the reason');
    $cluster->sql('create role nobody_special login');
    ($code, $out, $err) = run_program('-d', 'user=nobody_special');
    is($code, 1, 'a login without the role is refused');
    like($err, qr/herald_dispatcher/, 'and the role is named');
    ($code, $out, $err, my $seconds) = run_program('-d', 'dbname=absent', '--check-config');
    is($code, 1, 'a database that does not exist fails the check');
    like($out, qr/^failed: .*"absent" does not exist/m, 'with the reason');
    cmp_ok($seconds, '<', 10, 'soon');

    # One that may come yet is waited for.
    my $waiting = Herald::Dispatcher->start($cluster, name => 'waiting', user => 'dispatcher', notify => 0,
        args => [ '-d', 'dbname=later' ], env => { $sandbox->secrets });
    $waiting->wait_for_log(qr/no database session.*later\\" does not exist/);
    $cluster->safe_psql('postgres', 'create database later');
    $waiting->wait_for_log(qr/no extension pg_herald/, 30);
    wait_for('it to end', sub { !$waiting->is_alive });
    is(scalar(() = $waiting->log =~ /level=(?:warn|error)/g), 2, 'the outage is one line, the refusal another');
}

# A port that somebody has.
{
    my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => free_port(), Listen => 1, ReuseAddr => 1);
    my ($code, $out, $err) = run_program('--metrics', '127.0.0.1:' . $taken->sockport);
    is($code, 1, 'a port in use for --metrics ends the start');
    like($err, qr/metrics.*@{[ $taken->sockport ]}.*in use/, 'with the address');
    ($code, $out, $err) = run_program('--metrics', 'nowhere');
    isnt($code, 0, 'an address that is none too');
    like($err, qr/nowhere/, 'by name');
}

my $port = free_port();
my $dispatcher = start_dispatcher($cluster, $sandbox, args => [ '--metrics', "127.0.0.1:$port" ]);
my $http = HTTP::Tiny->new(timeout => 10);

# Metrics: every line is of the format, every series has one HELP and TYPE, histograms add up.
{
    send_text('metrics');
    wait_final($cluster);
    my $answer = $http->get("http://127.0.0.1:$port/metrics");
    is($answer->{status}, 200, '/metrics answers');
    like($answer->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4}, 'in the text format');
    my (%help, %type, %seen, @bad);
    my $value = qr/(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)/i;
    my $label = qr/[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*"/;
    for my $line (split /\n/, $answer->{content})
    {
        if ($line =~ /^# HELP (\S+) \S/) { $help{$1}++ }
        elsif ($line =~ /^# TYPE (\S+) (counter|gauge|histogram)$/) { push @bad, "twice: $1" if $type{$1}; $type{$1} = $2 }
        elsif ($line =~ /^([a-z_:][\w:]*)(?:\{((?:$label(?:,$label)*)?)\})? $value$/)
        {
            my ($name, $labels) = ($1, $2 // '');
            (my $family = $name) =~ s/_(?:bucket|sum|count)$// unless $type{$name};
            $family //= $name;
            push @bad, "no head: $line" unless $type{$family} && $help{$family};
            push @bad, "counter's name: $line" if $type{$family} eq 'counter' && $name !~ /_total$/;
            push @bad, "repeated: $line" if $seen{"$name\{$labels"}++;
            push @bad, "foreign: $line" if $name !~ /^herald_/;
        }
        else { push @bad, "format: $line" }
    }
    is(join("\n", @bad), '', 'every line is valid');
    cmp_ok(scalar keys %type, '>', 10, 'and there is something to see');
    my ($inf) = $answer->{content} =~ /^herald_claim_seconds_bucket\{le="\+Inf"\} (\d+)$/m;
    my ($count) = $answer->{content} =~ /^herald_claim_seconds_count(?:\{\})? (\d+)$/m;
    is($inf, $count, 'the last bucket of a histogram is its count');
    is($http->get("http://127.0.0.1:$port/healthz")->{content}, "ok\n", '/healthz is well');
    is($http->get("http://127.0.0.1:$port/etc")->{status}, 404, 'there is nothing else');
}

# Reloading: often, and of an account that is broken.
{
    $dispatcher->signal('HUP') for 1 .. 100;
    $dispatcher->signal($_) for qw(USR1 USR2 PIPE);
    $cluster->sql(q{select herald.notify_provider('twilio', kind, channel::text, settings => settings,
        secrets => '{"auth_token": "env:GONE_AWAY"}') from herald.provider where name = 'twilio'});
    $dispatcher->wait_for_log(qr/account cannot be used.*GONE_AWAY.*stays in use/);
    send_text('afterhup');
    wait_final($cluster, 20);
    is(scalar arrived('afterhup'), 1, 'it lives on after 100 SIGHUPs and stray signals, with the old form of a broken account');
    my $lines = () = $dispatcher->log =~ /account cannot be used/g;
    $dispatcher->signal('HUP');
    $cluster->sql(q{select herald.notify_provider('second', 'twilio', 'sms', rank => 1, settings => settings,
        secrets => secrets) from herald.provider where name = 'twilio'});
    $dispatcher->wait_for_log(qr/account cannot be used.*account=second/);
    is(scalar(() = $dispatcher->log =~ /account cannot be used.*account=twilio/g), $lines, 'told once for each reason');
    $cluster->sql(q{update herald.provider set secrets = '{"auth_token": "env:TWILIO_AUTH_TOKEN"}' where name = 'twilio'});
    $cluster->sql(q{select herald.notify_provider('second', 'twilio', 'sms', rank => 1, settings => settings,
        secrets => secrets) from herald.provider where name = 'twilio'});
    wait_for('the new account', sub {
        send_text('another');
        wait_final($cluster, 20);
        $cluster->sql(q{select count(*) from herald.delivery where provider = 'second'}) > 0;
    }, 20);
    pass('a new account is used without a restart');
    $cluster->sql(q{select herald.notify_provider_remove('second')});
}

# Each of its sessions is ended alone: it comes back, and wake-ups do not wait for the poll.
for my $session (qw(control claim record tick))
{
    my $of = "application_name like 'herald-dispatcher % $session'";
    for my $round (1 .. 3)
    {
        my $pid = $cluster->sql("select pid from pg_stat_activity where $of");
        $cluster->sql("select pg_terminate_backend($pid)");
        send_text("$session$round");
        wait_for("a new session $session", sub {
            $cluster->sql("select count(*) from pg_stat_activity where pid <> $pid and $of") == 1;
        });
    }
    wait_final($cluster, 30);
    my @waits;
    for my $round (4 .. 8)
    {
        my $start = time;
        send_text("$session$round");
        wait_for("$session$round", sub { arrived("$session$round") }, 10);
        push @waits, time - $start;
        wait_final($cluster, 10);
        sleep 0.1;
    }
    wait_final($cluster, 30);
    is(scalar arrived("$session\\d"), 8, "session $session: nothing is lost or repeated without it");
    cmp_ok((sort { $a <=> $b } @waits)[2], '<', 0.4, "session $session: the doorbell works again")
      or diag "@waits";
}

# Times are kept: 40 sends for times within the next ten seconds, while the rest of this goes on.
my $planned = $cluster->sql(q{select string_agg(i || '=' || (extract(epoch from at) * 1000)::bigint
        || '=' || herald.notify_send('t', 'r', jsonb_build_object('n', 'at' || i), send_at => at), ' ')
    from (select i, clock_timestamp() + make_interval(secs => 1 + i * 0.25) as at from generate_series(1, 40) i) x});

# Two side by side share the work.
{
    my $other = start_dispatcher($cluster, $sandbox, name => 'other', args => [ '--name', 'other' ]);
    $cluster->sql(q{update herald.provider set concurrency = 10 where name = 'twilio'});
    $_->wait_for_log(qr/account is in use.*twilio.*account is in use.*twilio/s) for $dispatcher, $other;
    $sandbox->script([ { match => { body => 'Body=shared' }, times => 500, fault => 'delay', delay_ms => 10 } ]);
    $cluster->sql(q{select herald.notify_send('t', 'r', jsonb_build_object('n', 'shared' || i)) from generate_series(1, 500) i});
    wait_for('all of them', sub {
        $cluster->sql(q{select count(*) from herald.delivery d join herald.notification n on n.id = d.notification
            where n.data ->> 'n' like 'shared%' and d.state = 'sent'}) == 500;
    }, 60);
    my %bodies;
    $bodies{ $_->{body} }++ for arrived('shared\d+');
    is(scalar keys %bodies, 500, 'all of 500 arrive');
    is(join(' ', grep { $bodies{$_} > 1 } keys %bodies), '', 'none twice');
    is($cluster->sql(q{select count(distinct a.epoch) from herald.attempt a join herald.delivery d on d.id = a.id
            join herald.notification n on n.id = d.notification where n.data ->> 'n' like 'shared%'}), 2, 'both worked');
    is($other->stop, 0, 'one of them ends cleanly');
    $cluster->sql(q{update herald.provider set concurrency = 100 where name = 'twilio'});
}

# A host that is not there before the one that is.
{
    my $hosts = "$ENV{TESTDIR}/nothing_here,127.0.0.1," . $cluster->host;
    my ($code, $out, $err) = run_program('-d', "host=$hosts port=@{[ free_port() ]},@{[ free_port() ]},@{[ $cluster->port ]}", '--once');
    is($code, 0, 'a list of hosts with dead ones in front works') or diag $err;
}

# The times from above.
{
    wait_final($cluster, 40);
    my %at = map { my ($n, $ms) = split /=/; ("at$n" => $ms) } split / /, $planned;
    my %came = map { ($_->{body} =~ /Body=(at\d+)/)[0] => $_->{time_us} / 1000 } arrived('at\d+');
    is(scalar keys %came, 40, 'all that had a time came');
    my @late = sort { $a <=> $b } map { $came{$_} - $at{$_} } keys %at;
    cmp_ok($late[0], '>=', 0, 'none too early');
    cmp_ok($late[-1], '<=', 1500, 'none later than 1.5 s') or diag "@late";
}
is($dispatcher->stop, 0, 'it ends cleanly');

# Transactions with one snapshot for all of them, where that is the default.
{
    my %snapshot = (PGOPTIONS => '-c default_transaction_isolation=repeatable\\ read');
    my $repeatable = start_dispatcher($cluster, $sandbox, name => 'repeatable', env => {%snapshot});
    send_text("repeatable$_") for 1 .. 20;
    wait_final($cluster, 30);
    is(scalar arrived('repeatable\d+'), 20, 'a dispatcher works with any default isolation');
    unlike($repeatable->log, qr/maintenance|read committed/, 'as does its maintenance');
    is($repeatable->stop, 0, 'it ends cleanly');

    # A leaf that is empty for the snapshot is not empty.
    my $leaf = $cluster->sql('select (herald.outbox_leaf() + 6) % 12');
    my $put = "insert into herald.outbox_$leaf (id, bucket, notification, recipient, channel, priority, template, lane, queued_at,"
      . " created_at) select herald.new_id(1), 1, herald.new_id(1), repeat('r', 200), 'voice', 'normal', 't', 0, now(), now()"
      . ' from generate_series(1, ';
    $cluster->sql("$put 3000); delete from herald.outbox_$leaf");
    $cluster->safe_psql('app', "begin isolation level repeatable read; select 1;\n\\! psql -Xqd app -h @{[ $cluster->host ]}"
          . " -p @{[ $cluster->port ]} -c \"$put 10)\"\nselect herald.tick_step('rotate', $leaf); commit");
    is($cluster->sql("select count(*) from herald.outbox_$leaf"), 10, 'a leaf is not emptied on the word of an old snapshot');
    $cluster->sql("delete from herald.outbox_$leaf");
}

# An account is replaced while a delivery waits for its credential, and the process naps meanwhile:
# the delivery goes on with the new one.
{
    add_template($cluster, 'push', undef, 'push/title' => '{{ n }}');
    $cluster->sql(q{select herald.notify_recipient('p')});
    $cluster->sql(q{select herald.notify_device('p', 'android', 'fcm', 'phone:APA91bPhone', app => 'org.example.app')});
    my $napping = start_dispatcher($cluster, $sandbox, name => 'napping');
    $sandbox->script([ { match => { path => '/token' }, times => 1, fault => 'delay', delay_ms => 3000 } ]);
    my $id = $cluster->sql(q{select herald.notify_send('push', 'p', '{"n": "nap"}')});
    wait_for('the request for a credential', sub { grep { $_->{path} eq '/token' } $sandbox->requests });
    $cluster->sql(q{update herald.provider set concurrency = 7 where name = 'fcm'});
    $napping->wait_for_log(qr/account is in use.*account=fcm.*account is in use.*account=fcm/s);
    $napping->signal('STOP');
    sleep 6;
    $napping->signal('CONT');
    wait_for('it to be sent', sub { state_of($cluster, $id) eq 'sent' }, 20);
    pass('a delivery of a replaced account goes on');
    is($napping->stop, 0, 'it ends cleanly');
    is($cluster->sql(q{select string_agg(class::text, ' ') from herald.attempt where provider = 'fcm'}), 'accepted', 'after one attempt');
}

# A result that the database does not take at all is not sent again and again.
{
    my $patient = start_dispatcher($cluster, $sandbox, name => 'patient');
    $cluster->sql(q{alter table herald.attempt add constraint no_acceptance check (class <> 'accepted') not valid});
    my $id = send_text('untaken');
    $patient->wait_for_log(qr/result is refused.*sqlstate=23514.*result is refused/s);
    my $other = send_text('untaken2');
    sleep 3;
    is(scalar arrived('untaken'), 1, 'a result that is refused is not sent again');
    is(state_of($cluster, $id), 'claimed', 'its delivery stays claimed');
    $cluster->sql('alter table herald.attempt drop constraint no_acceptance');
    wait_final($cluster, 30);
    is(state_of($cluster, $id) . ' ' . state_of($cluster, $other), 'sent sent', 'until the database takes it');
    is(scalar arrived('untaken2?'), 2, 'still once');
    is($patient->stop, 0, 'it ends cleanly');
}

# A stop while requests hang and others wait for a slot.
{
    $cluster->sql(q{update herald.provider set concurrency = 2 where name = 'twilio'});
    my $stopping = start_dispatcher($cluster, $sandbox, name => 'stopping', args => [ '--drain', '1' ]);
    $sandbox->script([ { match => { body => 'Body=stuck' }, times => 99, fault => 'hang' } ]);
    my @ids = map { send_text("stuck$_") } 1 .. 6;
    wait_for('two requests', sub { arrived('stuck\d') == 2 });
    my $start = time;
    is($stopping->stop(20), 0, 'a stop with hanging requests ends with 0');
    cmp_ok(time - $start, '<', 5, 'soon after the time to drain');
    is($cluster->sql('select count(*) from herald.outbox where epoch is not null'), 0, 'all claims are given back');
    is(join(' ', sort map { state_of($cluster, $_) } @ids), join(' ', ('queued') x 4, ('retry') x 2),
        'what waited is queued, what hung is tried again');
    is($cluster->sql(q{select string_agg(distinct class::text, ' ') from herald.attempt where provider = 'twilio'
            and phase = 'send' and class <> 'accepted'}), 'unknown', 'with an attempt of unknown outcome');
    $cluster->sql("select herald.notify_cancel('$_')") for @ids;
    $sandbox->script([]);
}

# A stop while a claim waits for the database: an empty answer ends it, not the time to drain.
{
    my $id = send_text('claiming');
    my $end = time + 2;
    my $pid = fork // die "fork: $!";
    if ($pid == 0)
    {
        $cluster->sql('begin; lock table herald.recipient; select pg_sleep(2); commit');
        POSIX::_exit(0);
    }
    wait_for('the lock', sub {
        $cluster->sql(q{select count(*) from pg_locks where relation = 'herald.recipient'::regclass
            and mode = 'AccessExclusiveLock' and granted}) > 0;
    }, 10);
    my $waiting = start_dispatcher($cluster, $sandbox, name => 'claiming');
    wait_for('a claim to wait', sub {
        $cluster->sql(q{select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%herald.claim(%'}) > 0;
    }, 10);
    is($waiting->stop(20), 0, 'a stop while a claim is under way ends with 0');
    waitpid $pid, 0;
    cmp_ok(time - $end, '<', 4, 'a stop ends soon after the last claim');
    $cluster->sql("select herald.notify_cancel('$id')");
}
done_testing();
