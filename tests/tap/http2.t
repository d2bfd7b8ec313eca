# The HTTP client against a peer that fails in every way HTTP/2 knows: what may have been executed is
# unknown, what certainly was not is retried as such, and nothing is sent twice behind our back.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher state_of wait_final);
use Herald::Sandbox;
use Herald::Util qw(wait_for);
use List::Util qw(uniq);
use Test::More;

my ($cluster, $sandbox) = start_all('http2');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'webhook/body' => '{"n": {{ n | json }}}');
$cluster->sql(q{update herald.provider set settings = settings || '{"timeout_ms": 1500}' where name = 'twilio'});
my $dispatcher = start_dispatcher($cluster, $sandbox);

# The code in a magic number => what the first attempt must be called.
my %faults = (
    15 => [ 'goaway below the stream', 'retry' ],
    16 => [ 'refused stream', 'retry' ],
    18 => [ 'stream error', 'unknown' ],
    19 => [ 'connection closed', 'unknown' ],
    11 => [ 'reset', 'unknown' ],
    13 => [ 'executed, then closed', 'unknown' ],
    10 => [ 'no answer', 'unknown' ],
    21 => [ 'garbage', 'unknown' ],
    17 => [ 'half an answer', 'accepted' ]);
my %sent;
for my $code (sort keys %faults)
{
    $cluster->sql("select herald.notify_recipient('c$code', phone => '+15005559${code}1')");
    $sent{$code} = $cluster->sql("select herald.notify_send('t', 'c$code', '{\"n\": \"fault$code.\"}', channels => '{sms}')");
    # One after the other: a lost connection takes along what else is on it.
    wait_for("an attempt at $code", sub {
        $cluster->sql("select count(*) from herald.attempt a join herald.delivery_status d on d.id = a.id
            where d.notification = '$sent{$code}'") > 0;
    });
}
wait_final($cluster, 60);
for my $code (sort keys %faults)
{
    my ($name, $class) = @{ $faults{$code} };
    is(state_of($cluster, $sent{$code}), 'sent', "$name: sent in the end");
    is($cluster->sql("select a.class from herald.attempt a join herald.delivery_status d on d.id = a.id
        where d.notification = '$sent{$code}' order by a.attempt limit 1"), $class, "$name: $class at first");
    my @requests = grep { $_->{body} =~ /fault$code\b/ } $sandbox->requests;
    my $attempts = $cluster->sql("select count(*) from herald.attempt a join herald.delivery_status d on d.id = a.id
        where d.notification = '$sent{$code}'");
    is(scalar @requests, $attempts, "$name: one request an attempt");
}

# A peer that leaves: answers come, later requests take another connection.
$cluster->sql(q{select herald.notify_recipient('w');
    select herald.notify_device('w', 'webhook', 'webhook', '} . $sandbox->url . q{/hooks/fault-drainx1')});
my @drained = map { $cluster->sql(qq{select herald.notify_send('t', 'w', '{"n": "drain$_"}', channels => '{webhook}')}) } 1 .. 3;
wait_final($cluster, 30);
is(state_of($cluster, $_), 'sent', 'sent over a connection that drains or the next') for @drained;
is($cluster->sql(q{select count(*) from herald.attempt a join herald.delivery_status d on d.id = a.id
    where d.recipient = 'w' and a.class = 'unknown'}), 0, 'and it is always known what was not processed');

# More at once than a connection carries.
$cluster->sql(q{select herald.notify_recipient('many', phone => '+15005550010')});
$sandbox->script([ { match => { body => 'Body=many' }, times => 500, fault => 'delay', delay_ms => 50 } ]);
$cluster->sql(q{select herald.notify_send('t', 'many', jsonb_build_object('n', 'many' || i), channels => '{sms}')
    from generate_series(1, 500) i});
wait_final($cluster, 60);
my %bodies;
$bodies{ $_->{body} }++ for grep { $_->{body} =~ /Body=many/ } $sandbox->requests;
is(scalar keys %bodies, 500, 'all of 500 arrive');
is(scalar(grep { $_ > 1 } values %bodies), 0, 'none twice');
is(join(' ', uniq map { $_->[1] } grep { $_->[0] eq 'user-agent' } map { @{ $_->{headers} } } $sandbox->requests),
    'pg_herald/' . $cluster->sql(q{select extversion from pg_extension where extname = 'pg_herald'}), 'they say who sends them');

# A peer without HTTP/2.
my $old = Herald::Sandbox->start(name => 'old', args => [ '--http1' ]);
$cluster->sql("update herald.provider set settings = settings || jsonb_build_object('endpoint', '" . $old->url
      . "', 'ca_file', '" . $old->dir . "/ca.pem') where name = 'twilio'");
$cluster->sql(q{select herald.notify_send('t', 'many', '{"n": "plain"}', channels => '{sms}')});
wait_for('a request over HTTP/1.1', sub { $old->requests > 0 }, 30);
like(($old->requests)[0]{body}, qr/Body=plain/, 'a peer without HTTP/2 is asked over HTTP/1.1');
is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
done_testing();
