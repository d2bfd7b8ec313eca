# A notification through each kind whose case file tells how, and its double takes nothing else than
# what arrived. Lines of a case file, as JSON:
#   deliver: {"channel": …, "settings": {…}, "secrets": {…}, "device": kind, "token": address, "parts": {…}}
#            endpoint and ca_file are added, a token "/…" is a URL of the sandbox, {{ n }} is the data;
#            without device the recipient's phone number or mailbox is the address
#   spoilt:  [status, from, to]  the request, as "METHOD /path", headers and body, with the first `from`
#            replaced by `to` is refused with the status; ${repeat N text} is N times the text
use strict;
use warnings;
use Encode qw(encode_utf8);
use File::Basename qw(basename);
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(slurp);
use JSON::PP;
use Test::More;

my $json = JSON::PP->new->utf8->allow_nonref;
my %kinds;
for my $file (glob 'tests/providers/*.case')
{
    my $text = slurp($file);
    my ($deliver) = $text =~ /^deliver: (.*)$/m or next;
    $kinds{ basename($file, '.case') } =
      { %{ $json->decode($deliver) }, spoilt => [ map { $json->decode($_) } $text =~ /^spoilt: (.*)$/mg ] };
}
ok(scalar %kinds, 'there are kinds to look at');

my ($cluster, $sandbox) = start_all('every_kind', conf => 'log_statement = none');
my ($url, $dir) = ($sandbox->url, $sandbox->dir);
my @addresses;
$cluster->sql('delete from herald.provider');
set_up($_, $kinds{$_}) for sort keys %kinds;
my $dispatcher = start_dispatcher($cluster, $sandbox, args => [ '--log-level', 'debug' ]);
for my $kind (sort keys %kinds)
{
    my $request = deliver($kind, $kinds{$kind});
    replay($kind, $request, $kinds{$kind}{spoilt}) if $request;
    suffer($kind, $kinds{$kind});
}

my %places = (
    'log of the dispatcher' => $dispatcher->log,
    'log of PostgreSQL' => slurp($cluster->logfile),
    'outcomes' => $cluster->sql(q{select string_agg(concat_ws(' ', code, reason, provider_id), ' ') from herald.delivery})
      . $cluster->sql(q{select string_agg(concat_ws(' ', code, reason), ' ') from herald.attempt}));
my %secrets = $sandbox->secrets;
for my $place (sort keys %places)
{
    like($places{$place}, qr/./, "$place: there is something to look at");
    my @found = grep { index($places{$place}, $_) >= 0 } values %secrets, @addresses;
    is("@found", '', "$place: no secret, no address");
}
is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
done_testing();

# Account, template, and a recipient with an address of the kind.
sub set_up
{
    my ($kind, $about) = @_;
    my $settings = $json->encode({ endpoint => $url, ca_file => "$dir/ca.pem", %{ $about->{settings} // {} } });
    my $secrets = $json->encode($about->{secrets} // {});
    $cluster->sql("select herald.notify_provider('$kind', '$kind', '$about->{channel}',"
          . " settings => '$settings', secrets => '$secrets')");
    add_template($cluster, $kind, undef,
        map { ("$about->{channel}/$_" => $about->{parts}{$_}) } keys %{ $about->{parts} });
    $cluster->sql("select herald.notify_recipient('$kind', email => '$kind\@example.org', phone => '+15005550010')");
    register($kind, $about);
    return;
}

sub register
{
    my ($kind, $about) = @_;
    return unless $about->{device};
    my $token = $about->{token} =~ s{^/}{$url/}r;
    push @addresses, $token;
    $cluster->sql("select herald.notify_device('$kind', '$about->{device}', '$kind', '$token')");
    return;
}

# Sends one, and returns state, attempts and last class of its delivery, and what arrived.
sub send_one
{
    my ($kind, $channel) = @_;
    my $before = $sandbox->count;
    my $id = $cluster->sql(
        qq{select herald.notify_send('$kind', '$kind', '{"n": "<&> 7"}', channels => '{$channel}')});
    wait_final($cluster);
    my $state = $cluster->sql("select concat_ws(' ', state, (select count(*) from herald.attempt a where a.id = d.id),"
          . " (select class from herald.attempt a where a.id = d.id order by attempt desc limit 1))"
          . " from herald.delivery d where notification = '$id'");
    return ($state, grep { $_->{provider} eq $kind } $sandbox->requests($before));
}

# The way of a notification: accepted at the first try, and shown as it was written.
sub deliver
{
    my ($kind, $about) = @_;
    my ($state, @requests) = send_one($kind, $about->{channel});
    is($state, 'sent 1 accepted', "$kind: sent at the first try");
    is(join(' ', map { $_->{decision} } @requests), 'accept', "$kind: one request, to the liking of the double")
      or diag $requests[0]{violation};
    my @shown = grep { defined && index($_, 'Order <&> 7') >= 0 } values %{ $requests[0]{rendered} };
    ok(scalar @shown, "$kind: the text arrives as it was written");
    return $requests[0];
}

# The request again, spoilt in one point each time: [STATUS, FROM, TO] of the text that it makes.
sub replay
{
    my ($kind, $request, $spoilt) = @_;
    my $text = join("\n", "$request->{method} $request->{path}" . ($request->{query} ? "?$request->{query}" : ''),
        (map { "$_->[0]: $_->[1]" } grep { $_->[0] !~ /^(?:content-length|host|accept|user-agent)$/ } @{ $request->{headers} }),
        '', $request->{body});
    is(post($text)->{decision}, 'accept', "$kind: the same request again is taken");
    for my $row (@$spoilt)
    {
        my ($status, $from, $to) = @$row;
        my $at = index $text, $from;
        if ($at < 0)
        {
            fail("$kind: the request holds '$from'");
            next;
        }
        my $spoilt_text = $text;
        substr($spoilt_text, $at, length $from) = $to =~ s/\$\{repeat (\d+) ((?:[^{}]|\{\})*)\}/$2 x $1/er;
        my $seen = post($spoilt_text);
        is("$seen->{decision} $seen->{status}", "refuse $status", "$kind: '$from' as '" . substr($to, 0, 60) . q{'});
        note($seen->{violation} // '');
    }
    return;
}

sub post
{
    my ($text) = @_;
    my ($head, $body) = split /\n\n/, $text, 2;
    my ($first, @headers) = split /\n/, $head;
    my ($method, $target) = split ' ', $first, 2;
    open my $file, '>:raw', "$dir/replay" or die "$dir/replay: $!\n";
    print $file encode_utf8($body);
    close $file or die "$dir/replay: $!\n";
    my $before = $sandbox->count;
    system 'curl', '-sS', '--stderr', "$dir/error", '--cacert', "$dir/ca.pem", '-m', '10', '-o', "$dir/answer",
      '-X', $method, '--data-binary', "\@$dir/replay", (map { ('-H', $_) } @headers), "$url$target";
    my ($seen) = $sandbox->requests($before);
    return $seen // { decision => slurp("$dir/error"), status => 0 };
}

# A refusal for a while is waited out, a lost answer is tried again, an address that is no more is given up.
sub suffer
{
    my ($kind, $about) = @_;
    $sandbox->script([ { match => { provider => $kind }, times => 1, fault => 'throttle', retry_after => 1 } ]);
    my ($state) = send_one($kind, $about->{channel});
    is($state, 'sent 2 accepted', "$kind: throttled, then sent");
    $sandbox->script([ { match => { provider => $kind }, times => 1, fault => 'lost_answer' } ]);
    ($state) = send_one($kind, $about->{channel});
    is($state, 'sent 2 accepted', "$kind: sent again after a lost answer");
    $sandbox->script([ { match => { provider => $kind }, times => 1, fault => 'unregistered' } ]);
    ($state) = send_one($kind, $about->{channel});
    is($state, 'failed 1 token_invalid', "$kind: an address that is no more");
    $sandbox->script([]);
    return;
}
