# The statements of docs/templates.md's first mail do what the page says.
use strict;
use warnings;
use Herald::Cluster;
use Herald::Util qw(slurp);
use Test::More;

my $cluster = Herald::Cluster->start_new('docs_templates');
my ($tour) = slurp("$ENV{HERALD_ROOT}/docs/templates.md") =~ /^## A mail, from first draft to release\n(.*?)^## /ms;
my @blocks = split /^```(\w*)\n(.*?)^```\n/ms, $tour;
my ($said, %printed) = ('');
while (@blocks)
{
    my ($text, $language, $block) = splice @blocks, 0, 3;
    next unless defined $block;
    if ($language eq 'sql')
    {
        $said = $cluster->sql($block);
        pass((split /\n/, $block)[0]);
        next;
    }
    # A result is the last one of the statements before it; psql's frame is not compared.
    my @rows = $block =~ /^ \w+ +\|/m ? map { s/^ | +$//gr =~ s/ +\| /|/r } grep { !/^-|^  part/ } split /\n/, $block : split /\n/, $block;
    my $wanted = join "\n", @rows;
    like("$said\n", qr/\Q$wanted\E\n/, 'what it prints');
}
is($cluster->sql(q{select published_version from herald.template where name = 'receipt'}), 1, 'it was rolled back');
is($cluster->sql(q{select count(*) from herald.notify_template_search('receipt')}), 1, 'and is found');

done_testing;
