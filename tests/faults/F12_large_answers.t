# F12: hundreds of answers of 1 MB each at once: the dispatcher keeps the beginning of each and its
# memory stays bounded.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Reckoning qw(reckon send_texts);
use Herald::Util qw(slurp wait_for);
use Test::More;

my $many = $ENV{HERALD_FULL} ? 2000 : 400;
my ($cluster, $sandbox) = start_all('large');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_provider(name, kind, channel::text, settings, secrets, rank, 2000)
    from herald.provider where name = 'twilio'});
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});
# The sanitizer's own hoard of freed memory would hide what the dispatcher keeps.
my $dispatcher = start_dispatcher($cluster, $sandbox, args => [ '--concurrency', 2000 ],
    env => { ASAN_OPTIONS => 'quarantine_size_mb=1:malloc_context_size=0' });

sub peak_mb
{
    my ($kb) = slurp('/proc/' . $dispatcher->pid . '/status') =~ /^VmHWM:\s*(\d+) kB/m;
    return int($kb / 1024);
}

send_texts($cluster, 'm1', $many);
wait_final($cluster);
my $small = peak_mb();
$sandbox->script([ { match => { provider => 'twilio' }, fault => 'status', status => 201, accept => JSON::PP::true(),
            body_bytes => 1_000_000 } ]);
send_texts($cluster, 'm2', $many);
wait_final($cluster, 200);
my $large = peak_mb();
diag "$many answers of 1 MB: peak of $large MB, of $small MB with small ones";
cmp_ok($large - $small, '<', $many / 4, 'it keeps no more than a part of what comes back');
my $found = reckon($cluster, $sandbox);
is($found->{deliveries}, 2 * $many, 'all are there');
is($found->{$_}, 0, "$_: 0") for qw(missing stuck denied phantom unexplained unclaimed);
diag join ', ', split /\n/, $cluster->sql(q{select state || ' ' || count(*) from herald.delivery group by state});
diag join ', ', split /\n/, $cluster->sql(q{select class || ' ' || count(*) from herald.attempt group by class});
is($dispatcher->stop, 0, 'it ends cleanly');
done_testing();
