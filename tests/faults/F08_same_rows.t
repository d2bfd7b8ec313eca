# F8: two, then eight dispatchers on the same rows and the same account: without a fault nothing is
# sent twice.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Reckoning qw(reckon send_texts);
use Test::More;
use Time::HiRes qw(time);

my $many = $ENV{HERALD_FULL} ? 20_000 : 2_000;
my ($cluster, $sandbox) = start_all('samerows');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});
my @dispatchers;
for my $count (2, 8)
{
    push @dispatchers, start_dispatcher($cluster, $sandbox, name => 'd' . @dispatchers, args => [ '--name', 'd' . @dispatchers ])
      while @dispatchers < $count;
    my ($newest) = @{ $sandbox->api('GET', '/api/requests?limit=1') };
    send_texts($cluster, "m$count", $many);
    my $started = time;
    wait_final($cluster, 120);
    my $seconds = time - $started;
    my $found = reckon($cluster, $sandbox, "m$count", $newest ? $newest->{seq} : 0);
    is($found->{deliveries}, $many, "$count dispatchers: all are there");
    is($found->{$_}, 0, "$count dispatchers: $_: 0") for qw(missing unsent phantom duplicates unexplained unclaimed);
    my $shares = $cluster->sql(qq{select count(distinct a.epoch) from herald.attempt a join herald.delivery d using (id)
        join herald.notification n on n.id = d.notification where n.data ->> 'n' like 'm${count}x%'});
    cmp_ok($shares, '>', 1, "$count dispatchers: they share the work ($shares)");
    diag sprintf '%d dispatchers: %d a second', $count, $many / $seconds;
}
is($_->stop, 0, 'it ends cleanly') for @dispatchers;
done_testing();
