# F13: the dispatcher may open no more files: it waits instead of spinning, and goes on when it may.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Reckoning qw(reckon send_texts);
use Herald::Util qw(slurp wait_for);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my ($cluster, $sandbox) = start_all('descriptors');
$cluster->sql(q{select herald.notify_provider_remove('sendgrid')});
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'email/subject' => 's', 'email/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010', email => 'r@example.org')});
my $dispatcher = start_dispatcher($cluster, $sandbox);

# It has more open than this already, so that it gets nothing new.
sub allow
{
    my ($files) = @_;
    system('prlimit', '--pid', $dispatcher->pid, "--nofile=$files:") == 0 or die "prlimit: $?\n";
    return;
}

sub cpu_seconds
{
    my @fields = split / /, slurp('/proc/' . $dispatcher->pid . '/stat') =~ s/^.*\) //r;
    return ($fields[11] + $fields[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

allow(8);
send_texts($cluster, 'm1', 50, channel => 'sms');
send_texts($cluster, 'm1', 50, channel => 'email', first => 51);
$dispatcher->wait_for_log(qr/account is paused/);
my $before = cpu_seconds();
sleep 5;
my $share = (cpu_seconds() - $before) / 5;
ok($dispatcher->is_alive, 'it lives without descriptors');
is(scalar $sandbox->requests, 0, 'nothing was sent');
cmp_ok($share, '<', 0.2, sprintf 'and does not spin (%.1f %% of a processor)', 100 * $share);
allow(1024);
wait_final($cluster, 200);
my $found = reckon($cluster, $sandbox);
is($found->{deliveries}, 100, 'all are there');
is($found->{$_}, 0, "$_: 0") for qw(missing unsent phantom duplicates unclaimed);
is($dispatcher->stop, 0, 'it ends cleanly');
done_testing();
