# F5: SIGTERM with hundreds of requests under way and a receiver that never answers: what is answered
# is recorded, the rest is on record as unknown. A second SIGTERM ends it at once, and what was under
# way is repeated with a reason.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(wait_for);
use Test::More;
use Time::HiRes qw(time);

my $many = 500;
my ($cluster, $sandbox) = start_all('sigterm');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'webhook/body' => '{"n": "{{ n }}"}');
$cluster->sql(q{select herald.notify_provider(name, kind, channel::text, settings, secrets, rank, 1000)
    from herald.provider where name = 'twilio'});
$cluster->sql(qq{select herald.notify_recipient('r' || n, phone => '+1500555' || 1000 + n)
    from generate_series(1, $many) n});
$cluster->sql(q{select herald.notify_recipient('hook');
    select herald.notify_device('hook', 'webhook', 'webhook', '} . $sandbox->url . q{/hooks/fault-hang')});
my $send = qq{select count(herald.notify_send('t', 'r' || n, jsonb_build_object('n', '%s')))
    from generate_series(1, $many) n};

sub arrived
{
    my ($text) = @_;
    return grep { $_->{body} =~ /Body=$text\b/ } $sandbox->requests;
}

sub count_unexplained
{
    my ($text) = @_;
    my %times;
    $times{ $_->{to} }++ for grep { $_->{executed} } arrived($text);
    my $explained = $cluster->sql(qq{select coalesce(json_object_agg(r.phone, n), '{}') from (
        select d.recipient, count(*) n from herald.attempt a join herald.delivery_status d on d.id = a.id
          join herald.notification o on o.id = d.notification
         where a.class in ('unknown', 'lease_lost') and o.data ->> 'n' = '$text' group by 1) x
        join herald.recipient r on r.id = x.recipient});
    my $reasons = JSON::PP::decode_json($explained);
    return scalar grep { $times{$_} - 1 > ($reasons->{$_} // 0) } keys %times;
}

# One SIGTERM.
{
    my $dispatcher = start_dispatcher($cluster, $sandbox, name => 'busy');
    $sandbox->script([ { match => { provider => 'twilio' }, fault => 'delay', delay_ms => 4000 } ]);
    $cluster->sql(q{select herald.notify_send('t', 'hook', '{"n": 1}')});
    $cluster->sql(sprintf $send, 'busy');
    wait_for('the requests', sub { arrived('busy') == $many });
    my $started = time;
    is($dispatcher->stop(30), 0, 'SIGTERM ends it cleanly');
    my $took = time - $started;
    cmp_ok($took, '<=', 15, sprintf 'within 15 s (%.1f s)', $took);
    is($cluster->sql(q{select count(*) from herald.delivery where state = 'sent'}), $many,
        'what was under way is awaited and recorded');
    is(scalar arrived('busy'), $many, 'each was sent once');
    is($cluster->sql(q{select a.class || ' ' || d.state from herald.attempt a join herald.delivery_status d
        on d.id = a.id where d.recipient = 'hook'}), 'unknown retry', 'what was not answered is on record as unknown');
    is($cluster->sql('select count(*) from herald.outbox where epoch is not null'), 0, 'no claim is left');
}

# Two of them.
{
    my $dispatcher = start_dispatcher($cluster, $sandbox, name => 'hurried');
    $cluster->sql(q{select herald.notify_recipient_remove('hook')});
    $cluster->sql(sprintf $send, 'hurried');
    wait_for('the requests', sub { arrived('hurried') == $many });
    my $started = time;
    $dispatcher->signal('TERM');
    $dispatcher->wait_for_log(qr/msg=stopping$/m);
    is($dispatcher->stop >> 8, 1, 'a second SIGTERM ends it with an error');
    my $took = time - $started;
    cmp_ok($took, '<', 4, sprintf 'at once (%.1f s)', $took);
    $sandbox->script([]);
    my $heir = start_dispatcher($cluster, $sandbox, name => 'heir');
    wait_final($cluster);
    is($cluster->sql(q{select count(*) from herald.delivery where state = 'sent'}), 2 * $many,
        'another dispatcher sends the rest');
    my $repeated = arrived('hurried') - $many;
    cmp_ok($repeated, '<=', $many, "no more is repeated than was under way ($repeated)");
    is(count_unexplained('hurried'), 0, 'and every repeat is explained');
    is($heir->stop, 0, 'a dispatcher ends cleanly');
}
done_testing();
