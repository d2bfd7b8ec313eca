# A backlog of one sender is on its way: what another sender sends comes between, by way of claim, queue
# and account, and leaves within a few answers of the provider. Requests are counted, not seconds.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(wait_for);
use Test::More;

my ($slots, $backlog) = (10, 400);
my ($cluster, $sandbox) = start_all('fairness', conf => 'fsync = off');
$cluster->sql("select herald.notify_provider('twilio', kind, channel::text, secrets => secrets, settings => settings, concurrency => $slots)"
      . " from herald.provider where name = 'twilio'");
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{create role shop login in role herald_sender; create role bank login in role herald_sender;
    select count(herald.notify_recipient('r' || i, phone => '+1500555' || 1000 + i)) from generate_series(1, 400) i});
is($cluster->sql(q{select herald.lane('shop') <> herald.lane('bank')}), 't', 'two senders with lanes of their own');
$sandbox->script([ { match => { provider => 'twilio' }, fault => 'delay', delay_ms => 100 } ]);

# send(SENDER, TEXT, PRIORITY, COUNT): to one recipient each.
sub send_as
{
    my ($sender, $text, $priority, $count) = @_;
    return $cluster->sql("set session authorization $sender; select count(*) from herald.notify_send_many('t',"
          . " array(select 'r' || i from generate_series(1, $count) i), '{\"n\": \"$text\"}', priority => '$priority')");
}

# How many requests of the backlog began after the message was committed and before its own.
sub overtaken_by
{
    my ($text) = @_;
    return $cluster->sql(qq{with mine as (select a.started_at, d.created_at from herald.attempt a
            join herald.delivery d using (id) join herald.notification n on n.id = d.notification where n.data ->> 'n' = '$text')
        select count(*) from mine m join herald.attempt a on a.started_at > m.created_at and a.started_at < m.started_at});
}

for my $priority (qw(bulk normal))
{
    send_as('shop', "backlog$priority", $priority, $backlog);
}
my $sent = q{select count(*) from herald.delivery where state = 'sent'};
my $dispatcher = start_dispatcher($cluster, $sandbox);
for my $case ([ 'code', 'urgent', 2 ], [ 'note', 'normal', 4 ], [ 'news', 'bulk', 15 ])
{
    my ($text, $priority, $waves) = @$case;
    my $before = $cluster->sql($sent);
    wait_for('requests', sub { $cluster->sql($sent) > $before + 3 * $slots }, 30);
    send_as('bank', $text, $priority, 1);
    wait_for($text, sub { $cluster->sql(qq{$sent and notification in (select id from herald.notification where data ->> 'n' = '$text')}) == 1 }, 30);
    my $overtaken = overtaken_by($text);
    cmp_ok($overtaken, '<=', $waves * $slots, "$priority: $overtaken requests in front of it");
    cmp_ok($cluster->sql(q{select count(*) from herald.outbox}), '>', $slots, 'and the backlog was there');
}
$sandbox->script([]);
wait_final($cluster, 60);
is($cluster->sql($sent), 2 * $backlog + 3, 'all are sent');
is($dispatcher->stop, 0, 'the dispatcher ends well');
done_testing();
