# F4: dispatchers, their sessions and PostgreSQL die at random under load, and are started again at once.
# The ledger test in small: `make ledger` runs it with more messages and faults.
use strict;
use warnings;
use Herald::Ledger;
use Test::More;

my $ledger = Herald::Ledger->new(count => 2000, kills => 6, seed => 4, quiet => 1);
my $verdict = $ledger->run;
my $line = $ledger->line($verdict);
note $line;
cmp_ok($verdict->{acked}, '>=', 2000, 'all were sent');
is($verdict->{kills}, 6, 'under six faults');
is($verdict->{lost}, 0, 'nothing is lost');
is($verdict->{phantoms}, 0, 'nothing is invented');
is($verdict->{stuck}, 0, 'nothing is stuck');
is($verdict->{corrupted}, 0, 'contents, addresses and states are right');
is($verdict->{unexplained_all}, 0, "each repeat ($verdict->{duplicates}) is explained");
cmp_ok($verdict->{recovery}, '<=', 30, 'work goes on after each fault');
diag $line, $ledger->report unless $ledger->is_clean($verdict);
done_testing();
