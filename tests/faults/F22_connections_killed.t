# F22: every second the dispatcher's sessions are ended, by the server or by a reset.
use strict;
use warnings;
use Herald::Fault qw(finish_load start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Proxy;
use Test::More;
use Time::HiRes qw(sleep);

my ($cluster, $sandbox) = start_faulty('F22');
my $proxy = Herald::Proxy->start($cluster);
my $dispatcher = start_dispatcher($cluster, $sandbox, args => [ '--conninfo', $proxy->conninfo ]);
my $load = Herald::Load->start($cluster);
my $terminate = q{select count(pg_terminate_backend(pid)) from pg_stat_activity
    where application_name like 'herald-dispatcher %'};
for my $n (1 .. 24)
{
    sleep 1;
    if ($n % 3 == 0) { $proxy->tell('drop') }
    elsif ($n % 3 == 1) { $cluster->sql($terminate) }
    else { $cluster->sql(qq{$terminate and application_name like '% } . (qw(claim record control tick))[ $n % 4 ] . q{'}) }
}
finish_load($cluster, $sandbox, $load, 'F22');
ok($dispatcher->is_alive, 'the dispatcher has survived');
is($dispatcher->stop, 0, 'and ends well');
done_testing();
