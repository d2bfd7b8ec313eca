# F36: the sender's transaction decides, and no wake-up is lost: rollback, savepoints, prepared
# transactions, long work after notify_send, replica role, synchronous_commit = off; with the library
# preloaded and without.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(wait_for);
use Test::More;
use Time::HiRes qw(sleep time);

sub sent_texts
{
    my ($sandbox) = @_;
    return join ' ', sort map { $_->{body} =~ /Body=(\w+)/ ? $1 : () }
      grep { $_->{decision} eq 'accept' } $sandbox->requests;
}

for my $preload (1, 0)
{
    my $mode = $preload ? 'preloaded' : 'not preloaded';
    my ($cluster, $sandbox) = start_all("tx$preload", preload => $preload,
        conf => 'max_prepared_transactions = 5');
    my $dispatcher = start_dispatcher($cluster, $sandbox, name => "dispatcher$preload");
    add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
    $cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});
    my $send = sub { "select herald.notify_send('t', 'r', '{\"n\": \"$_[0]\"}')" };

    $cluster->sql(join ';', 'begin', $send->('rolledback'), 'rollback');
    $cluster->sql(join ';', 'begin', $send->('outer'), 'savepoint s', $send->('undone'),
        'rollback to s', 'commit');
    $cluster->sql(join ';', 'begin', 'savepoint s', $send->('inner'), 'release s', 'commit');
    $cluster->sql(join ';', 'begin', $send->('prepared'), q{prepare transaction 'p1'});
    $cluster->sql(join ';', 'begin', $send->('aborted'), q{prepare transaction 'p2'});
    $cluster->sql(join ';', 'begin', $send->('slow'), 'select pg_sleep(1.5)', 'commit');
    wait_final($cluster);
    is(sent_texts($sandbox), 'inner outer slow', "$mode: what committed was sent, nothing else");
    $cluster->sql(q{commit prepared 'p1'});
    $cluster->sql(q{rollback prepared 'p2'});
    wait_for('the prepared one', sub { sent_texts($sandbox) =~ /prepared/ }, 10);
    wait_final($cluster);
    is(sent_texts($sandbox), 'inner outer prepared slow', "$mode: a prepared transaction too");

    # No trigger fires in the role of a replica; a commit that may be lost is warned of and counted.
    $cluster->sql('set session_replication_role = replica;' . $send->('replica'));
    my ($code, undef, $told) = $cluster->try_sql(join ';', 'set synchronous_commit = off', $send->('unsafe1'),
        $send->('unsafe2'), 'begin', $send->('undone'), 'rollback');
    my $warnings = () = $told =~ /WARNING:  synchronous_commit is off/g;
    is($warnings, 1, "$mode: synchronous_commit = off is warned of once a session");
    is($cluster->sql(q{select ok, detail from herald.health() where name = 'synchronous_commit'}) =~ s/ commits.*//sr,
        $preload ? 'f|2' : 't|not counted', "$mode: and counted, where there is shared memory");
    wait_final($cluster);
    like(sent_texts($sandbox), qr/replica slow unsafe1 unsafe2$/, "$mode: what they sent is delivered");

    # Many lonely sends: each must be seen at once, not only at the next poll.
    my @waits;
    for my $n (1 .. 30)
    {
        my $start = time;
        $cluster->sql($send->("lonely$n"));
        wait_for("lonely$n", sub { sent_texts($sandbox) =~ /\blonely$n\b/ }, 10);
        push @waits, time - $start;
        sleep 0.05;
    }
    cmp_ok(scalar(grep { $_ > 0.9 } @waits), '<=', 3, "$mode: wake-ups do not wait for the poll");
    $dispatcher->stop;
    $sandbox->stop;
    $cluster->stop;
}
done_testing();
