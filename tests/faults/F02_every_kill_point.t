# F2: SIGKILL at every kill point of the dispatcher (core/failpoint.h), at many of its hits: nothing
# is lost, nothing is made up, each repeat is explained; and where nothing is under way there is none.
# HERALD_FULL=1 tries every hit.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher);
use Herald::Heir;
use Herald::Reckoning qw(accepted reckon send_texts);
use Herald::Util qw(wait_for);
use Test::More;

my $batch = 50;
my @hits = $ENV{HERALD_FULL} ? (1 .. 1000) : (1, 3, 40);
my ($cluster, $sandbox) = start_all('killpoints');
$cluster->sql(q{select herald.notify_provider_remove('sendgrid')});
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'email/subject' => 's', 'email/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010', email => 'r@example.org')});

my $heir = Herald::Heir->start($cluster, $sandbox);
my $runs = 0;
my $seen = 0; # requests before this run
my %found;

sub begin
{
    my ($newest) = @{ $sandbox->api('GET', '/api/requests?limit=1') };
    $seen = $newest ? $newest->{seq} : 0;
    return;
}

# A victim that dies at the N-th hit of the point, if there is one: victim(POINT, N, options).
sub victim
{
    my ($point, $hit, %with) = @_;
    my ($name, $subject) = split m{/}, $point;
    my $fail = "$name=kill\@$hit" . (defined $subject ? "/$subject" : '');
    return start_dispatcher($cluster, $sandbox, name => 'victim', notify => 0, env => { HERALD_FAIL => $fail },
        args => [ '--name', 'victim', @{ $with{args} // [] } ]);
}

# Judges the texts of a run, adds to what was found at the point.
sub judge
{
    my ($where, $text, $count) = @_;
    my $found = reckon($cluster, $sandbox, $text, $seen);
    my $sum = $found{$where} //= { kills => 0, duplicates => 0, most => 0, bad => '' };
    $sum->{kills}++;
    $sum->{duplicates} += $found->{duplicates};
    $sum->{most} = $found->{duplicates} if $found->{duplicates} > $sum->{most};
    for my $kind (qw(missing stuck unsent denied phantom unexplained unclaimed))
    {
        $sum->{bad} .= " $kind $found->{$kind}" if $found->{$kind};
    }
    $sum->{bad} .= " deliveries $found->{deliveries}" if $found->{deliveries} != $count;
    return;
}

# A batch is waiting when the victim starts: kill at the hit. False: there are not so many hits.
sub kill_in_batch
{
    my ($point, $hit, %with) = @_;
    my $text = 'm' . ++$runs;
    begin();
    send_texts($cluster, $text, $batch / 2, channel => 'sms');
    send_texts($cluster, $text, $batch / 2, channel => 'email', first => $batch / 2 + 1);
    my $victim = victim($point, $hit, args => $with{signal} ? [] : ['--once']);
    if ($with{signal})
    {
        wait_for('a request', sub { %{ (accepted($sandbox, $text, $seen))[1] } });
        $victim->signal($with{signal});
    }
    wait_for("the victim of $point at $hit", sub { !$victim->is_alive });
    my $is_killed = $victim->{status} == 9;
    $heir->take_over;
    judge($point, $text, $batch) if $is_killed;
    return $is_killed;
}

# One after the other, so that nothing else is under way at the hit.
sub kill_alone
{
    my ($point, $hit, $channel) = @_;
    my $text = 'm' . ++$runs;
    my $count = 0;
    begin();
    my $victim = victim($point, $hit);
    while ($victim->is_alive && $count < $hit + 5)
    {
        send_texts($cluster, $text, 1, channel => $channel, first => ++$count);
        wait_for('the end of one of them', sub { !$victim->is_alive || !count_pending() });
    }
    is($victim->{status}, 9, "$point, hit $hit, $channel alone: killed") or $victim->kill9;
    $heir->take_over;
    judge("$point alone", $text, $count);
    return;
}

sub count_pending
{
    return $cluster->sql(q{select count(*) from herald.outbox}) + $cluster->sql(q{select count(*) from herald.retry});
}

for my $point (map { "K$_" } 1 .. 7, '8/herald.record(', 9, 10)
{
    for my $hit (@hits)
    {
        last unless kill_in_batch($point, $hit);
    }
}
# Work that lasts some seconds, so that there are heartbeats and maintenance meanwhile.
$sandbox->script([ { fault => 'delay', delay_ms => 1500 } ]);
kill_in_batch("K$_", 2) for 11 .. 13;
$sandbox->script([ { fault => 'delay', delay_ms => 400 } ]);
kill_in_batch('K14/reload', 1, signal => 'HUP');
kill_in_batch("K14/$_", 1, signal => 'TERM') for qw(drain record);
$sandbox->script([]);
for my $point (qw(K1 K2 K10))
{
    kill_alone($point, $_, 'sms') for 1, 3;
    kill_alone($point, 2, 'email');
}

for my $point (map { "K$_" } 1 .. 7, '8/herald.record(', 9 .. 13, '14/reload', '14/drain', '14/record')
{
    my $sum = $found{$point} // { kills => 0, bad => '', duplicates => 0, most => 0 };
    cmp_ok($sum->{kills}, '>', 0, "$point was hit ($sum->{kills} kills)");
    is($sum->{bad}, '', "$point: nothing lost, made up or unexplained");
}
for my $point (map { "$_ alone" } qw(K1 K2 K10))
{
    is($found{$point}{bad}, '', "$point: nothing lost, made up or unexplained");
    is($found{$point}{duplicates}, 0, "$point: no duplicate");
}
diag sprintf '%-20s %5s kills %4s duplicates, at most %3s of %d', $_, @{ $found{$_} }{qw(kills duplicates most)}, $batch
  for sort { ($a =~ /(\d+)/)[0] <=> ($b =~ /(\d+)/)[0] } keys %found;
is($heir->stop, 0, 'the survivor ends cleanly');
done_testing();
