# A dispatcher that slept past its lease reports results of claims that others hold by now. They change
# nothing; the ledger test sees when they do, in a build without the fence.
use strict;
use warnings;
use Herald::Defect;
use Herald::Ledger;
use Herald::Util qw(wait_for);
use Test::More;

sub sleep_past_lease
{
    my ($name, $seen) = @_;
    my $ledger = Herald::Ledger->new(name => $name, count => 40, kills => 0, rate => 0, seed => 5, quiet => 1,
        misbehave => 0, dispatchers => 1, lease => 3, timeout => 120);
    $ledger->start;
    $ledger->{double}->script([ { fault => 'delay', delay_ms => 10000 } ]);
    $ledger->produce;
    wait_for('the claims', sub { $ledger->sql('select count(*) from herald.outbox where epoch is null') == 0 });
    wait_for('requests', sub { $ledger->{double}->count > 10 });
    my $sleeper = $ledger->{slots}[0]{process};
    $sleeper->signal('STOP');
    $ledger->{double}->script([ { fault => 'delay', delay_ms => 20000 } ]);
    push @{ $ledger->{slots} }, { name => 'heir' };
    $ledger->supervise;
    wait_for('the requests of the heir', sub {
        $ledger->sql('select count(*) from herald.outbox where attempt = 2 and epoch is not null') > 0;
    });
    $sleeper->signal('CONT');
    wait_for('the late results', sub { $seen->($ledger, $sleeper) }, 15);
    $ledger->{double}->script([]);
    $ledger->drain;
    $ledger->stop;
    return ($ledger, $ledger->judge);
}

my ($ledger, $verdict) = sleep_past_lease('fence', sub { $_[1]->log =~ /results refused/ });
ok($ledger->is_clean($verdict), 'with the fence all is well') or diag $ledger->line($verdict), $ledger->report;
cmp_ok($verdict->{stale_refused}, '>', 0, "late results were refused ($verdict->{stale_refused} kept on record)");

my $tree = Herald::Defect->new("$ENV{TESTDIR}/tree");
my $root = $tree->build('no_fence', 'pgroot', 'pgroot');
my ($bin) = $ENV{PATH} =~ m{^[^:]*/pgroot(/[^:]+)} or die "PATH does not begin with our server\n";
local $ENV{PATH} = "$root$bin:$ENV{PATH}";
($ledger, $verdict) = sleep_past_lease('no_fence', sub { $_[0]->sql('select count(*) from herald.delivery where attempts = 1') > 0 });
cmp_ok($verdict->{stale_applied}, '>', 0, "without the fence $verdict->{stale_applied} late results were applied");
ok(!$ledger->is_clean($verdict), 'and the run fails');
done_testing();
