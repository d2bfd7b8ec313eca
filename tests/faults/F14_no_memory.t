# F14: the N-th allocation of the dispatcher fails: it ends with one line that says so, and what it
# had begun is delivered by another. (The template engine tries every allocation in unit/liquid_memory.)
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher);
use Herald::Heir;
use Herald::Reckoning qw(reckon send_texts);
use Herald::Util qw(slurp wait_for);
use Test::More;

my ($cluster, $sandbox) = start_all('memory');
$cluster->sql(q{select herald.notify_provider_remove('sendgrid')});
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'email/subject' => 's', 'email/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010', email => 'r@example.org')});
my $heir = Herald::Heir->start($cluster, $sandbox);
my ($hit, $runs, $duplicates, @bad) = (0, 0, 0);
while (1)
{
    $hit = $ENV{HERALD_FULL} ? $hit + 1 : 1 + int($hit * 1.25);
    my ($newest) = @{ $sandbox->api('GET', '/api/requests?limit=1') };
    my $text = 'm' . ++$runs;
    send_texts($cluster, $text, 3, channel => 'sms');
    send_texts($cluster, $text, 2, channel => 'email', first => 4);
    unlink "$ENV{TESTDIR}/victim.log";
    my $victim = start_dispatcher($cluster, $sandbox, name => 'victim', notify => 0,
        env => { HERALD_FAIL => "memory=fail\@$hit" }, args => [ '--once', '--name', 'victim' ]);
    wait_for('the victim', sub { !$victim->is_alive });
    my $is_told = $victim->log =~ /^level=error msg="out of memory"$|out of memory/m;
    push @bad, "$hit: status $victim->{status}, told " . ($is_told || 0)
      if $victim->{status} && !(($victim->{status} & 127) == 6 || $victim->{status} >> 8 > 0) || !!$victim->{status} != !!$is_told;
    $heir->take_over;
    my $found = reckon($cluster, $sandbox, $text, $newest ? $newest->{seq} : 0);
    my $wrong = join ' ', map { $found->{$_} ? "$_ $found->{$_}" : () }
      qw(missing stuck unsent denied phantom unexplained unclaimed);
    push @bad, "$hit: $wrong" if $wrong || $found->{deliveries} != 5;
    $duplicates += $found->{duplicates};
    last if $victim->{status} == 0;
}
is(scalar @bad, 0, 'each ends in order; nothing is lost, made up or unexplained') or diag join "\n", @bad;
cmp_ok($runs, '>', 15, "$runs runs, the last had all of the $hit allocations that it may need");
diag "$runs runs, $hit allocations, $duplicates duplicates";
is($heir->stop, 0, 'the survivor ends cleanly');
done_testing();
