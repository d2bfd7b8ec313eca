# F11: a delivery that kills its dispatcher each time is set aside after three times, with the reason; its
# neighbours are delivered.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher state_of wait_final);
use Herald::Util qw(wait_for);
use Test::More;

my $neighbours = 30;
my ($cluster, $sandbox) = start_all('poison');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(qq{select herald.notify_recipient('r' || i, phone => '+1500555' || 1000 + i) from generate_series(1, $neighbours) i;
    select herald.notify_recipient('poison', phone => '+15005550010')});
my $pending = q{select count(*) from herald.delivery_status where finished_at is null};

# Starts dispatchers that die of one recipient, as a supervisor does, until nothing is pending.
sub supervise
{
    my $deaths = 0;
    my $dispatcher;
    wait_for('nothing to be pending', sub {
        if (!$dispatcher || !$dispatcher->is_alive)
        {
            if ($dispatcher)
            {
                $deaths++;
                is($dispatcher->{status} & 127, 6, "death $deaths");
            }
            $dispatcher = start_dispatcher($cluster, $sandbox, name => "fragile", notify => 0,
                env => { HERALD_FAIL => 'K6=abort@1/poison' });
        }
        return $cluster->sql($pending) == 0;
    }, 120);
    is($dispatcher->stop, 0, 'the last one ends cleanly');
    return $deaths;
}

my $poison = $cluster->sql(qq{
    select herald.notify_send('t', 'r' || i, '{"n": 1}') from generate_series(1, $neighbours / 2) i \\g /dev/null
    select herald.notify_send('t', 'poison', '{"n": 1}') as id \\gset
    select herald.notify_send('t', 'r' || i, '{"n": 1}') from generate_series($neighbours / 2 + 1, $neighbours) i \\g /dev/null
    select :'id'});
is(supervise(), 3, 'it killed three dispatchers');
is(state_of($cluster, $poison), 'dead', 'and is a dead letter');
is($cluster->sql('select recipient, reason, attempts, last_class from herald.dead_letter'),
    'poison|dispatcher_died: 3 times|3|lease_lost', 'with the reason');
is($cluster->sql(qq{select count(*), count(distinct a.epoch) from herald.attempt a join herald.delivery d on d.id = a.id
        where d.notification = '$poison' and a.class = 'lease_lost'}), '3|3', 'and an attempt for each');
is($cluster->sql(q{select count(*) from herald.delivery where state = 'sent'}), $neighbours, 'all neighbours are sent');
is($cluster->sql(q{select count(*) from herald.delivery d where state = 'sent' and (select count(*) from herald.attempt a
        where a.id = d.id and a.class = 'lease_lost') > 2}), 0, 'none of them died a third time with it');
is($cluster->sql('select count(*) from herald.dispatcher where poison is not null'), 3, 'the ends of the three are explained');

# Two at once.
$cluster->sql(q{select herald.notify_recipient('poison2', phone => '+15005550011')});
$cluster->sql(qq{select herald.notify_send('t', 'poison', '{"n": 2}'), herald.notify_send('t', 'poison2', '{"n": 2}');
    select herald.notify_send('t', 'r' || i, '{"n": 2}') from generate_series(1, $neighbours) i});
cmp_ok(supervise(), '<=', 6, 'two kill at most three each');
is($cluster->sql(q{select string_agg(reason, ', ') from herald.dead_letter where recipient like 'poison%'
        and created_at > (select max(finished_at) from herald.delivery where notification = '} . $poison . q{')}),
    'dispatcher_died: 3 times, dispatcher_died: 3 times', 'and are both set aside');
is($cluster->sql(q{select count(*) from herald.delivery where state = 'sent'}), 2 * $neighbours, 'all others are sent');

# A dispatcher that does not die of it delivers it.
$cluster->sql("select herald.notify_redrive('$poison')");
my $robust = start_dispatcher($cluster, $sandbox, name => 'robust');
wait_final($cluster);
is(state_of($cluster, $poison), 'sent', 'once it is mended, a redrive sends it');
$robust->stop;
done_testing();
