# herald-dispatcher against a Herald::Cluster.
package Herald::Dispatcher;

use strict;
use warnings;
use Herald::Process;

our @ISA = ('Herald::Process');

# start(CLUSTER, name => 'dispatcher', user => login role, args => […], env => {…})
sub start
{
    my ($class, $cluster, %with) = @_;
    # The test's PGAPPNAME would hide the names that a dispatcher gives its sessions.
    my %env = (PGAPPNAME => undef, $cluster->libpq_environment($with{user}), %{ $with{env} // {} });
    return $class->SUPER::start(
        $with{name} // 'dispatcher',
        [ "$ENV{HERALD_BIN}/herald-dispatcher", @{ $with{args} // [] } ],
        env => \%env,
        notify => $with{notify} // 1);
}

1;
