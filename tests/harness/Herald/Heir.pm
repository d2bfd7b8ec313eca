# A dispatcher that takes over what others leave when they die, and stands still in between.
package Herald::Heir;

use strict;
use warnings;
use Herald::Dispatcher;
use Herald::Fixture qw(start_dispatcher wait_final);
use Herald::Util qw(wait_for);

our @ISA = ('Herald::Dispatcher');

# start(CLUSTER, SANDBOX): the others must be called "victim" (--name).
sub start
{
    my ($class, $cluster, $sandbox) = @_;
    my $self = bless start_dispatcher($cluster, $sandbox, name => 'heir', args => [ '--name', 'heir' ]), $class;
    $self->{cluster} = $cluster;
    $self->signal('STOP');
    return $self;
}

# Brings everything to an end. The claims of the dead are taken back at once; their grace is the
# matter of other tests.
sub take_over
{
    my ($self) = @_;
    my $mine = q{herald.dispatcher where gone_at is null and name = 'victim'};
    $self->signal('CONT');
    wait_for('the dead to be noticed', sub {
        $self->{cluster}->sql("select count(herald.reclaim_epoch(epoch)) from $mine");
        $self->{cluster}->sql("select count(*) from $mine") == 0;
    });
    wait_final($self->{cluster});
    $self->signal('STOP');
    return;
}

# SIGTERM; returns the wait status.
sub stop
{
    my ($self) = @_;
    $self->signal('CONT');
    return $self->SUPER::stop;
}

1;
