# A channel with thousands of deliveries a second is claimed in pauses; what comes on another channel
# meanwhile must not wait for the dispatcher's poll.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Process;
use Herald::Util qw(wait_for);
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep);

my ($cluster, $sandbox) = start_all('busy', conf => 'fsync = off');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'email/subject' => '{{ n }}', 'email/text' => '{{ n }}');
$cluster->sql(q{select count(herald.notify_recipient('r' || i, phone => '+1500555' || 1000 + i, email => 'r@example.org'))
    from generate_series(0, 19) i});
$cluster->sql('create table public.quiet ()');
my $dispatcher = start_dispatcher($cluster, $sandbox);

# Twenty text messages every millisecond or two, by three senders, until there is a row in table quiet.
my $noise = q{do $$ begin
    while not exists (select from public.quiet) loop
        perform herald.notify_send_many('t', array(select id from herald.recipient), '{"n": "noise"}',
                                        channels => '{sms}');
        commit;
        perform pg_sleep(0.003);
    end loop; end $$};
my %env = $cluster->libpq_environment;
my @senders = map {
    Herald::Process->start("noise$_", [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-c', $noise ], env => \%env)
} 1 .. 3;
my $sent = q{select count(*) from herald.delivery where state = 'sent' and channel = };
wait_for('a busy channel', sub { $cluster->sql("$sent 'sms'") > 200 });

# One mail at a time, each behind the one before: a poll would be a second away.
for my $number (1 .. 12)
{
    $cluster->sql(q{select herald.notify_send('t', 'r0', '{"n": "lonely"}', channels => '{email}')});
    wait_for("mail $number", sub { $cluster->sql("$sent 'email'") == $number }, 10);
    sleep 0.05;
}
my @waits = sort { $a <=> $b } split /\n/, $cluster->sql(q{
    select extract(epoch from a.started_at - d.created_at) from herald.delivery d
      join herald.attempt a on a.id = d.id where d.channel = 'email'});
my $noisy = $cluster->sql("$sent 'sms'");
diag(sprintf 'mails waited %.3f s, at most %.3f s, beside %d text messages', $waits[6], max(@waits), $noisy);
is(scalar(@waits), 12, 'every mail was tried once');
cmp_ok($waits[6], '<', 0.5, 'mails do not wait for the poll');
is(scalar(grep { $_->is_alive } @senders), 3, 'the other channel was busy all the time');

$cluster->sql('insert into public.quiet default values');
wait_for('the senders to end', sub { !grep { $_->is_alive } @senders });
wait_final($cluster);
is($cluster->sql(q{select count(*) from herald.delivery where state <> 'sent'}), 0, 'all were sent');
is($dispatcher->stop, 0, 'the dispatcher ends well');
done_testing();
