# The ledger test can fail: each of these defects is built from a patch or switched on, and is caught.
use strict;
use warnings;
use Herald::Defect;
use Herald::Ledger;
use Test::More;

my %common = (kills => 0, rate => 0, seed => 11, quiet => 1, timeout => 2);
my $tree = Herald::Defect->new("$ENV{TESTDIR}/tree");

# Sound, for comparison: what a key was used for is kept.
{
    my $ledger = Herald::Ledger->new(%common, name => 'sound', count => 2000);
    my $verdict = $ledger->run;
    ok($ledger->is_clean($verdict), 'a sound build passes') or diag $ledger->line($verdict);
    cmp_ok($verdict->{keys_refused}, '>', 0, "a key with other content is refused ($verdict->{keys_refused} times)");
    is($verdict->{keys_taken}, 0, 'and never taken');
}

# "sent" is recorded before the request leaves.
{
    my $ledger = Herald::Ledger->new(%common, name => 'sent_first', count => 1000,
        dispatcher => $tree->build('sent_first', 'dispatcher', 'bin/herald-dispatcher'));
    my $verdict = $ledger->run;
    cmp_ok($verdict->{said_sent}, '>', 0, "sent before it was sent: lost $verdict->{said_sent}");
    ok(!$ledger->is_clean($verdict), 'the run fails');
}

# The provider's double forgets to write one line.
{
    my $ledger = Herald::Ledger->new(%common, name => 'forget_line', count => 1000, misbehave => 0,
        sandbox => $tree->build('forget_line', 'dispatcher', 'bin/herald-sandbox'));
    my $verdict = $ledger->run;
    is($verdict->{lost}, 1, 'a line that is missing at the provider is one loss');
    is($verdict->{said_sent}, 1, 'of a message that was said to be sent');
}

# libcurl repeats a request by itself when a reused connection closes without an answer.
{
    my $ledger = Herald::Ledger->new(%common, name => 'resend', count => 3000,
        dispatcher => $tree->build('resend', 'dispatcher', 'bin/herald-dispatcher'));
    my $verdict = $ledger->run;
    cmp_ok($verdict->{without_claim}, '>', 0, "repeats below the dispatcher: $verdict->{without_claim} without an attempt");
    cmp_ok($verdict->{unexplained_all}, '>', 0, "unexplained $verdict->{unexplained_all}");
}

# Senders that do not wait for the disk lose what they were told is committed.
{
    my $ledger = Herald::Ledger->new(%common, name => 'async', count => 20000, kills => 3, dispatchers => 0, drain => 0,
        options => '-c synchronous_commit=off', conf => 'wal_writer_delay = 10s', faults => ['immediate']);
    my $verdict = $ledger->run;
    cmp_ok($verdict->{vanished}, '>', 0, "synchronous_commit = off: $verdict->{vanished} of $verdict->{acked} vanished");
}
done_testing();
