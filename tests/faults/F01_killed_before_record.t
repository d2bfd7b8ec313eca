# F1: SIGKILL between the provider's answer and the commit that records it, at random places, under
# load, with a restart at once; and how soon a neighbour goes on with the claims of a dead one.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Reckoning qw(reckon send_texts);
use Herald::Util qw(wait_for);
use Test::More;
use Time::HiRes qw(time);

my ($slots, $kills, $texts) = (50, 8, 120);
my $seed = $ENV{HERALD_SEED} // time ^ $$;
srand $seed;
my ($cluster, $sandbox) = start_all('unrecorded');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(qq{select herald.notify_provider(name, kind, channel::text, settings, secrets, rank, $slots)
    from herald.provider where name = 'twilio'});
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});

# Death of a dispatcher to the next request of the one started then.
my (@recoveries, $died);
my ($seen, $sent) = (0, 0);
for my $kill (1 .. $kills)
{
    my $point = (qw(K6 K7 K8 K9))[ int rand 4 ];
    my $hit = 1 + int rand($point =~ /[67]/ ? 80 : 3);
    my $fail = "$point=kill\@$hit" . ($point eq 'K8' ? '/herald.record(' : '');
    my $victim = start_dispatcher($cluster, $sandbox, name => 'victim', notify => 0, env => { HERALD_FAIL => $fail },
        args => [ '--name', 'victim' ]);
    my $name = "m$kill";
    send_texts($cluster, $name, $texts);
    my $last = $texts;
    wait_for("the kill at $fail", sub {
        return 1 unless $victim->is_alive;
        # All of them may have gone into one record.
        send_texts($cluster, $name, 1, first => ++$last);
        return 0;
    });
    $sent += $last;
    if ($died)
    {
        my ($first) = $sandbox->requests($seen);
        push @recoveries, $first->{time_us} / 1e6 - $died if $first;
    }
    $died = time;
    my ($newest) = @{ $sandbox->api('GET', '/api/requests?limit=1') };
    $seen = $newest->{seq};
}
my $heir = start_dispatcher($cluster, $sandbox, name => 'heir', args => [ '--name', 'heir' ]);
wait_final($cluster);
my $found = reckon($cluster, $sandbox);
is($found->{deliveries}, $sent, 'all are there');
is($found->{$_}, 0, "$_: 0") for qw(missing unsent phantom denied unexplained unclaimed);
my $bound = $kills * ($slots + 500);
cmp_ok($found->{duplicates}, '<=', $bound, "duplicates are bounded ($found->{duplicates})");
my ($slowest) = sort { $b <=> $a } @recoveries;
cmp_ok($slowest, '<', 10, sprintf 'a restarted one sends soon (%.1f s at most)', $slowest);
diag sprintf 'seed %d: %d kills, %d duplicates (%.1f a kill), next request after %.2f s in the mean, %.2f s at most', $seed,
  $kills, $found->{duplicates}, $found->{duplicates} / $kills, eval { my $sum = 0; $sum += $_ for @recoveries; $sum / @recoveries }, $slowest;

# A neighbour is there already.
my @waits;
for my $round (1 .. 2)
{
    my $text = 'm' . ($kills + $round);
    $heir->signal('STOP');
    $sandbox->script([ { match => { body => "Body=${text}x" }, times => 20, fault => 'hang' } ]);
    my $victim = start_dispatcher($cluster, $sandbox, name => 'victim', args => [ '--name', 'victim' ]);
    send_texts($cluster, $text, 20);
    my $held = q{select count(*) from herald.outbox o join herald.dispatcher d using (epoch) where d.name = };
    wait_for('its claims', sub { $cluster->sql("$held 'victim'") == 20 });
    $heir->signal('CONT');
    $victim->kill9;
    my $killed = time;
    wait_for('another one to have them', sub { $cluster->sql("$held 'victim'") == 0 });
    push @waits, time - $killed;
    wait_final($cluster);
}
my ($longest) = sort { $b <=> $a } @waits;
cmp_ok($longest, '<', 10, sprintf 'a neighbour has the claims of a dead one after %.1f s at most', $longest);
diag sprintf 'claims of a dead dispatcher taken back after %s s', join ', ', map { sprintf '%.2f', $_ } @waits;
is($heir->stop, 0, 'it ends cleanly');
done_testing();
