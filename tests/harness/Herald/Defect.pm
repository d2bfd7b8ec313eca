# Builds with a defect: a copy of the tree, changed by a patch of tests/ledger/defects.
package Herald::Defect;

use strict;
use warnings;

# new(DIR): the copy.
sub new
{
    my ($class, $dir) = @_;
    mkdir $dir;
    run("cp -R Makefile extension dispatcher sql $dir");
    return bless { dir => $dir }, $class;
}

# Apply the patch, make TARGET, keep RESULT (a path below build/) under the patch's name, and undo the patch.
# Returns the path of what was built. Dies when the patch does not fit any more.
sub build
{
    my ($self, $patch, $target, $result) = @_;
    my $file = "$ENV{HERALD_ROOT}/tests/ledger/defects/$patch.patch";
    $self->apply("git apply --unidiff-zero --whitespace=nowarn $file");
    # What an outer make exports says where and how that one builds.
    $self->apply("env -u TOP -u B -u Q -u VARIANT -u WERROR -u MAKEFLAGS -u MFLAGS -u MAKELEVEL CFLAGS=-O1 make -s -j2 $target");
    $self->apply("mv build/$result $patch");
    $self->apply("git apply --unidiff-zero --whitespace=nowarn -R $file");
    return "$self->{dir}/$patch";
}

sub apply
{
    my ($self, $command) = @_;
    # Build against the installed server: our copy of it has no headers.
    local $ENV{PATH} = join ':', grep { index($_, $ENV{HERALD_ROOT}) != 0 } split /:/, $ENV{PATH};
    run("cd $self->{dir} && GIT_CEILING_DIRECTORIES=$self->{dir}/.. $command");
    return;
}

sub run
{
    my ($command) = @_;
    my $output = `($command) 2>&1 </dev/null`;
    die "$command\n$output" if $?;
    return;
}

1;
