# F20: the connection is cut after every few bytes of a claim, of a record and of set-up, in both
# directions. The dispatcher stays in its epoch, so not even a repeat is allowed.
use strict;
use warnings;
use Herald::Fault qw(finish_load start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Proxy;
use Herald::Util qw(wait_for);
use Test::More;

my ($cluster, $sandbox) = start_faulty('F20');
$sandbox->script([]);
my $proxy = Herald::Proxy->start($cluster);
my $dispatcher = start_dispatcher($cluster, $sandbox, args => [ '--conninfo', $proxy->conninfo ]);
my $load = Herald::Load->start($cluster, senders => 1, rate => 200);

# Arms the proxy and waits until it has cut; the load makes the dispatcher claim and record.
sub cut
{
    my ($role, $way, $left, $how, $next) = @_;
    my $before = $proxy->tell('cuts');
    wait_for("session $role", sub { $proxy->tell("cut $role $way $left $how" . ($next ? ' next' : '')) eq 'ok' });
    $proxy->tell("drop") if $next;
    wait_for("a cut of $role $way after $left", sub { $proxy->tell('cuts') > $before }, 20);
    return;
}

my @how = qw(close reset half);
my $cuts = 0;
for my $role (qw(record claim))
{
    # What goes up for one statement is longer than what comes down.
    cut($role, 'up', $_, $how[ $cuts++ % 3 ]) for 0, 1, 5, 40, 200, 600, 1000, 1400;
    cut($role, 'down', $_, $how[ $cuts++ % 3 ]) for 0, 1, 5, 12, 30, 60, 90, 120;
}
cut($_, 'up', 30, $how[ $cuts++ % 3 ]), cut($_, 'down', 20, $how[ $cuts++ % 3 ]) for qw(control tick);
for my $role (qw(control claim record tick))
{
    cut($role, 'up', $_, $how[ $cuts++ % 3 ], 1) for 20, 150, 400;
    cut($role, 'down', $_, $how[ $cuts++ % 3 ], 1) for 5, 300, 480;
}
diag("F20: $cuts cuts");
my $is = finish_load($cluster, $sandbox, $load, 'F20');
is($is->{repeats}, 0, 'nothing was sent twice: what was claimed or recorded is known');
ok($dispatcher->is_alive, 'the dispatcher has survived');
is($dispatcher->stop, 0, 'and ends well');
done_testing();
