# Faults between claim and record: nothing is lost, every repeat is explained, a stale owner is
# refused.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher state_of wait_final);
use Herald::Util qw(wait_for);
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my ($cluster, $sandbox) = start_all('crash');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_category('once', policy => 'at_most_once')});
add_template($cluster, 'once', 'once', 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});

sub send_text
{
    my ($text, $template) = @_;
    $template //= 't';
    return $cluster->sql("select herald.notify_send('$template', 'r', '{\"n\": \"$text\"}')");
}

sub arrived
{
    my ($text) = @_;
    return scalar grep { $_->{body} =~ /Body=$text\b/ } $sandbox->requests;
}

sub classes
{
    my ($notification) = @_;
    return $cluster->sql(qq{select coalesce(string_agg(a.class::text, ' ' order by a.attempt), '')
        from herald.attempt a join herald.delivery d on a.id = d.id
       where d.notification = '$notification'});
}

# The provider has it, the dispatcher dies before it can record.
{
    my $dispatcher = start_dispatcher($cluster, $sandbox, name => 'killed');
    $sandbox->script([ { match => { body => 'Body=killed' }, times => 1, fault => 'hang' },
        { match => { body => 'Body=onlyonce' }, times => 1, fault => 'hang' } ]);
    my $id = send_text('killed');
    my $once = send_text('onlyonce', 'once');
    wait_for('both requests', sub { arrived('killed') && arrived('onlyonce') });
    $dispatcher->kill9;
    my $heir = start_dispatcher($cluster, $sandbox, name => 'heir');
    wait_final($cluster);
    is(state_of($cluster, $id), 'sent', 'after a SIGKILL it is sent again');
    is(arrived('killed'), 2, 'the provider saw it twice');
    is(classes($id), 'lease_lost accepted', 'and the repeat is explained');
    is(state_of($cluster, $once), 'unknown', 'at most once: it is not sent again');
    is(arrived('onlyonce'), 1, 'the provider saw that once');
    $heir->stop;
}

# Its claims go to a neighbour that runs: how long that takes.
{
    my $slowest = 0;
    for my $time (1 .. 3)
    {
        my $victim = start_dispatcher($cluster, $sandbox, name => "victim$time");
        $sandbox->script([ { match => { body => "Body=taken$time" }, times => 1, fault => 'hang' } ]);
        my $id = send_text("taken$time");
        wait_for('the request', sub { arrived("taken$time") });
        my $neighbour = start_dispatcher($cluster, $sandbox, name => "neighbour$time");
        my $killed = time;
        $victim->kill9;
        wait_for('the second request', sub { arrived("taken$time") == 2 });
        $slowest = time - $killed if time - $killed > $slowest;
        wait_final($cluster);
        is(state_of($cluster, $id), 'sent', 'a neighbour sends it');
        $neighbour->stop;
    }
    note sprintf 'claimed again after %.1f s at most', $slowest;
    cmp_ok($slowest, '<', 6, 'claims of the dead are soon claimed again');
}

# The provider has accepted and its answer was read; the dispatcher dies before its record is committed.
{
    my $dispatcher = start_dispatcher($cluster, $sandbox, name => 'unrecorded');
    my $pid = fork // die "fork: $!";
    if ($pid == 0)
    {
        eval { $cluster->sql('begin; lock table herald.attempt; select pg_sleep(120)') };
        POSIX::_exit(0);
    }
    my $waits = "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%herald.record(%'";
    wait_for('the lock', sub {
        $cluster->sql(q{select count(*) from pg_locks where relation = 'herald.attempt'::regclass
            and mode = 'AccessExclusiveLock' and granted});
    });
    my $id = send_text('unrecorded');
    wait_for('the record to wait', sub { $cluster->sql($waits) ne '' });
    $dispatcher->kill9;
    $cluster->sql("select pg_terminate_backend(pid) from ($waits) w");
    wait_for('the record to be gone', sub { $cluster->sql($waits) eq '' });
    $cluster->sql(q{select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(120)%'
        and pid <> pg_backend_pid()});
    waitpid $pid, 0;
    my $heir = start_dispatcher($cluster, $sandbox, name => 'recorder');
    wait_final($cluster);
    is(state_of($cluster, $id), 'sent', 'killed between answer and record: sent again');
    is(scalar(grep { $_->{decision} eq 'accept' && $_->{body} =~ /Body=unrecorded/ } $sandbox->requests), 2,
        'the provider has accepted it twice');
    is(classes($id), 'lease_lost accepted', 'and the repeat is explained');
    $heir->stop;
}

# A dispatcher that is stopped for longer than its lease wakes up and may change nothing.
{
    my $sleeper = start_dispatcher($cluster, $sandbox, name => 'sleeper');
    $sandbox->script([ { match => { body => 'Body=stale' }, times => 1, fault => 'delay', delay_ms => 3000 } ]);
    my $id = send_text('stale');
    wait_for('the request', sub { arrived('stale') });
    $sleeper->signal('STOP');
    my $heir = start_dispatcher($cluster, $sandbox, name => 'heir2');
    wait_final($cluster, 60);
    is(state_of($cluster, $id), 'sent', 'a hung dispatcher is fenced and its row sent again');
    is(arrived('stale'), 2, 'twice on the wire');
    my $finished = $cluster->sql("select finished_at from herald.delivery where notification = '$id'");
    $sleeper->signal('CONT');
    $sleeper->wait_for_log(qr/epoch/);
    my $after = send_text('afterwards');
    wait_final($cluster);
    is($cluster->sql("select finished_at from herald.delivery where notification = '$id'"), $finished,
        'the stale owner changed nothing');
    like(classes($id), qr/^lease_lost accepted$/, 'both tries are on record');
    is(state_of($cluster, $after), 'sent', 'work goes on');
    is($_->stop, 0, 'a dispatcher ends cleanly') for $sleeper, $heir;
}

# PostgreSQL restarts without warning while requests are under way.
{
    my $dispatcher = start_dispatcher($cluster, $sandbox, name => 'survivor');
    $sandbox->script([ { match => { body => 'Body=restart' }, times => 20, fault => 'delay', delay_ms => 1000 } ]);
    my @ids = map { send_text("restart$_") } 1 .. 20;
    wait_for('the requests', sub { arrived('restart\d+') == 20 });
    $cluster->stop('immediate');
    $cluster->start;
    wait_final($cluster);
    is($cluster->sql(q{select count(*) from herald.delivery d join herald.notification n
            on n.id = d.notification where d.state = 'sent' and n.data ->> 'n' like 'restart%'}),
        20, 'an immediate restart of PostgreSQL loses nothing');
    ok($dispatcher->is_alive, 'the dispatcher survives it');
    my $repeats = arrived('restart\d+') - 20;
    my $explained = $cluster->sql(q{select count(*) from herald.attempt a join herald.delivery d
        on d.id = a.id join herald.notification n on n.id = d.notification
        where a.class in ('lease_lost', 'unknown') and n.data ->> 'n' like 'restart%'});
    cmp_ok($repeats, '<=', $explained, "every repeat ($repeats) is explained ($explained)");
    $dispatcher->stop;
}

# The provider is down, then up.
{
    my $dispatcher = start_dispatcher($cluster, $sandbox, name => 'patient');
    $sandbox->script([ { match => { body => 'Body=down' }, times => 2, fault => 'reset_before' },
        { match => { body => 'Body=slow' }, times => 1, fault => 'throttle', retry_after => 2 } ]);
    my $down = send_text('down');
    wait_final($cluster);
    is(state_of($cluster, $down), 'sent', 'a provider that comes back gets the message');
    my $slow = send_text('slow');
    wait_final($cluster);
    is(state_of($cluster, $slow), 'sent', 'a throttled message is sent later');
    is(classes($slow), 'throttle accepted', 'after one refusal');
    my $pause = $cluster->sql(qq{select extract(epoch from max(a.started_at) - min(a.finished_at))
        from herald.attempt a join herald.delivery d on d.id = a.id where d.notification = '$slow'});
    cmp_ok($pause, '>=', 1.9, 'not before Retry-After');
    $dispatcher->stop;
}
done_testing();
