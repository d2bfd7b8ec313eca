# F7: a dispatcher is frozen when the head of a request is out and its body is not, for longer than
# its lease. Another one delivers; whatever the frozen one still writes is no mixture of requests.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Reckoning qw(reckon send_texts);
use Herald::Util qw(wait_for);
use Test::More;

my ($cluster, $sandbox) = start_all('frozen');
$cluster->sql(q{select herald.notify_provider_remove('sendgrid')});
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'email/subject' => 's', 'email/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_setting('lease_s', '3')});
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010', email => 'r@example.org')});

my $run = 0;
my %seconds = (sms => 3, email => 2);
for my $channel (sort keys %seconds)
{
    my $text = 'm' . ++$run;
    my $frozen = start_dispatcher($cluster, $sandbox, name => "frozen-$channel", notify => 0,
        env => { HERALD_FAIL => "K2=stop\@$seconds{$channel}" });
    send_texts($cluster, $text, 10, channel => $channel);
    $frozen->wait_for_log(qr/failpoint K2/);
    my $heir = start_dispatcher($cluster, $sandbox, name => "heir-$channel");
    wait_final($cluster);
    $frozen->signal('CONT');
    $frozen->wait_for_log(qr/epoch is gone/);
    send_texts($cluster, $text, 5, channel => $channel, first => 11);
    wait_final($cluster);
    is($_->stop, 0, "$channel: a dispatcher ends cleanly") for $frozen, $heir;
    my $found = reckon($cluster, $sandbox, $text);
    is($found->{deliveries}, 15, "$channel: all are there");
    is($found->{$_}, 0, "$channel: $_: 0") for qw(missing unsent phantom unexplained unclaimed);
    cmp_ok($found->{duplicates}, '<=', 10, "$channel: no more is repeated than was claimed ($found->{duplicates})");
}
my @requests = grep { $_->{body} =~ /m\d+x\d+/ } $sandbox->requests;
is(scalar(grep { $_->{body} =~ /m\d+x\d+.*m\d+x\d+/s } @requests), 0,
    'no request holds the text of two');
is(scalar(grep { $_->{violation} } @requests), 0, 'and each is well-formed');
done_testing();
