# pg_cron keeps the house when no dispatcher runs, and schedules sends.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(wait_for);
use Test::More;

my ($cluster, $sandbox) = start_all('cron', cron => 1);
$cluster->sql('create extension pg_cron');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});
$cluster->sql('select herald.schedule_tick()');
$cluster->sql('select herald.schedule_tick()');
is($cluster->sql(q{select count(*) from cron.job where command ilike '%herald.tick%'}), 1,
    'the documented call sets up one job, also when repeated');
my $partitions = q{select count(*) from pg_inherits where inhparent = 'herald.delivery'::regclass};
my $before = $cluster->sql($partitions);
$cluster->sql(q{select herald.notify_send('t', 'r', '{"n": "later"}', send_at => now() + interval '1 second')});
$cluster->sql(q{select cron.schedule('minutely', '* * * * *',
    $$select herald.notify_send('t', 'r', '{"n": "cron"}')$$)});
wait_for('partitions and the scheduled send', sub {
    $cluster->sql($partitions) > $before
      && $cluster->sql(q{select count(*) from herald.outbox o join herald.notification n
            on n.id = o.notification where n.data ->> 'n' = 'later'}) == 1;
}, 150);
pass('tick ran without a dispatcher');
wait_for('the scheduled job', sub {
    $cluster->sql(q{select count(*) from herald.notification where data ->> 'n' = 'cron'}) > 0;
}, 150);
$cluster->sql(q{select cron.unschedule('minutely')});
my $dispatcher = start_dispatcher($cluster, $sandbox);
wait_final($cluster);
is($cluster->sql(q{select count(distinct n.data ->> 'n') from herald.delivery d
    join herald.notification n on n.id = d.notification where d.state = 'sent'}), 2,
    'what pg_cron sent and promoted is delivered');
done_testing();
