# Compares what was asked for, what the database says and what the sandbox saw. Each notification
# carries a text of its own that ends up in the request: send_texts() makes them, reckon() judges.
package Herald::Reckoning;

use strict;
use warnings;
use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(accepted reckon send_texts);

# Sends COUNT notifications of template t to recipient r in one transaction: their texts are
# NAMEx1, NAMEx2, …; NAME matches m\d+. Options: channel; first => number of the first.
sub send_texts
{
    my ($cluster, $name, $count, %with) = @_;
    my $channels = $with{channel} ? ", channels => '{$with{channel}}'" : '';
    my $first = $with{first} // 1;
    my $last = $first + $count - 1;
    $cluster->sql(qq{select count(herald.notify_send('t', 'r', jsonb_build_object('n', '${name}x' || n)$channels))
        from generate_series($first, $last) n});
    return;
}

# Text => how often a provider has executed it, of the texts of NAME (default: all); with the
# number of requests as a second hash. AFTER: look at requests with a higher number only.
sub accepted
{
    my ($sandbox, $name, $after) = @_;
    $name //= 'm\d+';
    my (%accepts, %requests);
    for my $request ($sandbox->requests($after))
    {
        my ($text) = ($request->{body} // '') =~ /\b(${name}x\d+)\b/ or next;
        $requests{$text}++;
        $accepts{$text}++ if $request->{executed};
    }
    return (\%accepts, \%requests);
}

# What is wrong with the deliveries whose text belongs to NAME (default: to any), requests up to
# AFTER left out: counts of
#   missing      sent, as the database says, but no provider has accepted it
#   stuck        not final
#   unsent       final, but not sent (for a caller that expects all to be sent)
#   denied       failed or dead although a provider has accepted it, without an unknown attempt
#   phantom      requests for texts that nobody sent
#   duplicates   accepted more than once
#   unexplained  of these, more than attempts with an unknown outcome or a lost lease
#   unclaimed    requests without an attempt
#   deliveries   there are
sub reckon
{
    my ($cluster, $sandbox, $name, $after) = @_;
    my ($accepts, $requests) = accepted($sandbox, $name, $after);
    my $like = defined $name ? "where n.data ->> 'n' like '${name}x%'" : '';
    my $rows = JSON::PP::decode_json($cluster->sql(qq{
        select coalesce(json_agg(x), '[]') from (
            select n.data ->> 'n' as text, s.state, count(a.id) as tries,
                   count(*) filter (where a.class in ('unknown', 'lease_lost')) as doubts
              from herald.notification n join herald.delivery_status s on s.notification = n.id
              left join herald.attempt a on a.id = s.id
              $like group by n.data ->> 'n', s.id, s.state) x}));
    my %ret = map { $_ => 0 }
      qw(missing stuck unsent denied phantom duplicates unexplained unclaimed deliveries);
    my %known;
    for my $row (@$rows)
    {
        my ($text, $state) = @$row{qw(text state)};
        my $extra = ($accepts->{$text} // 0) - 1;
        $known{$text} = 1;
        $ret{deliveries}++;
        $ret{missing}++ if $state eq 'sent' && $extra < 0;
        $ret{stuck}++ if $state =~ /^(?:scheduled|held|queued|claimed|retry)$/;
        $ret{unsent}++ if $state ne 'sent';
        $ret{denied}++ if $state =~ /^(?:failed|dead)$/ && $extra >= 0 && !$row->{doubts};
        $ret{duplicates} += $extra if $extra > 0;
        $ret{unexplained} += $extra - $row->{doubts} if $extra > $row->{doubts};
        $ret{unclaimed}++ if ($requests->{$text} // 0) > $row->{tries};
    }
    $ret{phantom} = grep { !$known{$_} } keys %$requests;
    return \%ret;
}

1;
