# F3: SIGKILL at system calls of a run that delivers five notifications. The suite tries some, chosen
# by a seed; HERALD_FULL=1 tries every one.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all);
use Herald::Heir;
use Herald::Process;
use Herald::Reckoning qw(reckon send_texts);
use Herald::Util qw(slurp wait_for);
use Test::More;
use Time::HiRes qw(time);

my $tried_in_suite = 45;
my $seed = $ENV{HERALD_SEED} // time ^ $$;
my ($cluster, $sandbox) = start_all('systemcalls');
$cluster->sql(q{select herald.notify_provider_remove('sendgrid')});
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'email/subject' => 's', 'email/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010', email => 'r@example.org')});
my $heir = Herald::Heir->start($cluster, $sandbox);

my ($texts, $seen) = (0, 0);

sub send_five
{
    my ($newest) = @{ $sandbox->api('GET', '/api/requests?limit=1') };
    $seen = $newest ? $newest->{seq} : 0;
    $texts++;
    send_texts($cluster, "m$texts", 3, channel => 'sms');
    send_texts($cluster, "m$texts", 2, channel => 'email', first => 4);
    return;
}

# Runs the dispatcher under strace until it has nothing to do; its wait status.
sub trace
{
    my (@args) = @_;
    my $victim = Herald::Process->start('victim',
        [ 'strace', '-f', '-qq', @args, "$ENV{HERALD_BIN}/herald-dispatcher", '--once', '--name', 'victim' ],
        env => { $cluster->libpq_environment('dispatcher'), $sandbox->secrets, ASAN_OPTIONS => 'detect_leaks=0' });
    wait_for('the victim', sub { !$victim->is_alive }, 120);
    return $victim->{status};
}

# Every call of every name: [name, n]; strace counts by name and thread.
sub all_calls
{
    my (%in_thread, %most);
    for (split /\n/, slurp("$ENV{TESTDIR}/trace"))
    {
        my ($thread, $name) = /^(\d+)\s+(\w+)\(/ or next;
        my $count = ++$in_thread{"$thread $name"};
        $most{$name} = $count if $count > ($most{$name} // 0);
    }
    return map { my $name = $_; map { [ $name, $_ ] } 1 .. $most{$name} } sort keys %most;
}

send_five();
is(trace('-o', "$ENV{TESTDIR}/trace"), 0, 'under strace it delivers') or diag slurp("$ENV{TESTDIR}/victim.log");
my @calls = grep { $_->[0] !~ /^(?:exit|exit_group|rt_sigreturn)$/ } all_calls();
my $total = @calls;
cmp_ok($total, '>', 500, "$total system calls");
unless ($ENV{HERALD_FULL})
{
    my $stride = $total / $tried_in_suite;
    my $from = $seed % int $stride;
    @calls = map { $calls[ $from + int($_ * $stride) ] // () } 0 .. $tried_in_suite - 1;
}

my ($killed, $harmless, $duplicates, @bad) = (0, 0, 0);
send_five();
for my $call (@calls)
{
    my ($name, $n) = @$call;
    my $status = trace('-o', '/dev/null', '-e', "inject=$name:signal=SIGKILL:when=$n");
    if (($status & 127) == 9)
    {
        $killed++;
        # Five that nobody has claimed are good for the next one.
        if ($cluster->sql('select count(*) from herald.outbox where epoch is null') == 5)
        {
            $harmless++;
            next;
        }
    }
    $heir->take_over;
    my $found = reckon($cluster, $sandbox, "m$texts", $seen);
    my $wrong = join ' ', map { $found->{$_} ? "$_ $found->{$_}" : () }
      qw(missing stuck unsent denied phantom unexplained unclaimed);
    push @bad, "$name $n: $wrong" if $wrong || $found->{deliveries} != 5;
    $duplicates += $found->{duplicates};
    send_five();
}
is(scalar @bad, 0, 'nothing is lost, made up or unexplained') or diag join "\n", @bad;
cmp_ok($killed, '>', @calls / 2, "killed at $killed of " . @calls . ' calls');
diag sprintf 'seed %d: %d of %d system calls tried, %d kills, %d before a claim, %d duplicates', $seed, scalar @calls,
  $total, $killed, $harmless, $duplicates;
is($heir->stop, 0, 'the survivor ends cleanly');
done_testing();
