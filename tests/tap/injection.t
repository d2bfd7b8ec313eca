# What data can do to a message, and what one bad delivery can do to its neighbours: nothing.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher state_of wait_final);
use Herald::Util qw(wait_for);
use JSON::PP ();
use Test::More;

my ($cluster, $sandbox) = start_all('injection');
$cluster->sql(q{update herald.provider set enabled = false where name = 'sendgrid'});
my $dispatcher = start_dispatcher($cluster, $sandbox);
add_template($cluster, 'mail', undef, 'email/subject' => '{{ s }}', 'email/text' => '{{ s }}', 'email/html' => '<p>{{ s }}</p>',
    'email/reply_to' => '{{ reply }}');
add_template($cluster, 'text', undef, 'sms/text' => '{{ n }} {{ recipient.name }}');
add_template($cluster, 'push', undef, 'push/title' => 'x', 'push/body' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', email => 'ann@example.org', phone => '+15005550010',
    attributes => '{"name": "Ann"}')});

sub literal
{
    my ($value) = @_;
    my $json = JSON::PP->new->ascii->encode($value);
    $json =~ s/'/''/g;
    return "'$json'";
}

sub send_one
{
    my ($template, $data, $more) = @_;
    return $cluster->sql("select herald.notify_send('$template', 'r', " . literal($data) . ($more // '') . ')');
}

# The requests that arrived for one send.
sub exchange
{
    my (@arguments) = @_;
    $sandbox->reset;
    my $id = send_one(@arguments);
    wait_final($cluster, 30);
    return ($id, grep { $_->{path} ne '/token' } $sandbox->requests);
}

# A text with what cannot be seen as escapes.
sub shown
{
    my ($text) = @_;
    return $text =~ s/([^ -~])/sprintf '\\x%x', ord $1/ger;
}

sub reason_of
{
    my ($id) = @_;
    return $cluster->sql("select concat_ws(' ', state, code, reason) from herald.delivery where notification = '$id'");
}

# Line ends in a subject, which rendering makes one line, through both kinds of mail.
for my $account (qw(smtp sendgrid))
{
    $cluster->sql("update herald.provider set enabled = (name = '$account') where channel = 'email'");
    my $in_use = () = $dispatcher->log =~ /account is in use.*account=$account\b/g;
    wait_for($account, sub { $in_use <= (() = $dispatcher->log =~ /account is in use.*account=$account\b/g) });
    for my $odd ("Hi\r\nBcc: eve\@evil.org", "Hi\nBcc: eve\@evil.org\n\nbody", "Hi\r\n\r\n.\r\nRCPT TO:<eve\@evil.org>",
        "Hi\x0bBcc:\x0ceve\@evil.org", "Hi\x7f", "Hi\x{2028}Bcc: eve\@evil.org",
        'Hi =?UTF-8?Q?=0D=0ABcc:_eve@evil.org?=', 'Hi, <eve@evil.org>; eve@evil.org')
    {
        my ($id, @mails) = exchange('mail', { s => $odd, reply => 'shop@example.org' });
        is(scalar @mails, 1, "$account: one mail for subject " . shown($odd)) or diag reason_of($id);
        is($mails[0]{decision}, 'accept', 'which is well formed') or diag $mails[0]{violation};
        is($mails[0]{rendered}{to}, 'ann@example.org', 'to nobody else');
        is($mails[0]{rendered}{subject}, $odd =~ s/[\x00-\x1f\x7f]+/ /gr =~ s/ $//r, 'with all of it as the subject');
        my ($head) = $mails[0]{body} =~ /^(.*?)\r?\n\r?\n/s;
        is(scalar(() = $head =~ /^Subject:/mgi), 1, 'with one subject') if $account eq 'smtp';
        unlike($head // '', qr/^Bcc:/mi, 'and no header of the data');
    }
}
$cluster->sql(q{update herald.provider set enabled = (name = 'smtp') where channel = 'email'});

# Line ends in addresses.
{
    my ($id, @mails) = exchange('mail', { s => 'x', reply => "a\@example.org\r\nBcc: eve\@evil.org" });
    unlike(join("\n", map { $_->{body} } @mails), qr/^Bcc:/mi, 'a reply address brings no header');
    is(state_of($cluster, $id), @mails ? 'sent' : 'failed', 'its delivery has a readable end');
    for my $evil ("a\@example.org\r\nRCPT TO:<eve\@evil.org>", 'a@example.org>', '<a@example.org', 'a@example.org,eve@evil.org',
        'Ann <a@example.org>', "a\@example.org\x01")
    {
        my $quoted = JSON::PP->new->ascii->encode([$evil]);
        my ($failed, undef, $err) = $cluster->try_sql("select herald.notify_recipient('evil', email => '$quoted'::jsonb ->> 0)");
        ok($failed && $err =~ /email/, "mailbox " . shown($evil) . ' is refused');

        # Stored by hand all the same.
        $cluster->sql(q{select herald.notify_recipient('evil', email => 'evil@example.org')});
        my ($kept) = $cluster->try_sql("update herald.recipient set email = '$quoted'::jsonb ->> 0 where id = 'evil'");
        next if $kept;
        $sandbox->reset;
        my $sent = $cluster->sql(q{select herald.notify_send('mail', 'evil', '{"s": "x", "reply": "b@example.org"}')});
        wait_final($cluster, 30);
        is(scalar $sandbox->requests, 0, 'and goes nowhere');
        unlike(reason_of($sent), qr/^sent/, 'with a reason');
    }
}

# Separators of a form.
{
    my ($id, @texts) = exchange('text', { n => "a&To=%2B15005550011&Body=other" });
    is(scalar @texts, 1, 'one text message');
    is(scalar(() = $texts[0]{body} =~ /(?:^|&)To=/g), 1, 'to one number');
    is(scalar(() = $texts[0]{body} =~ /(?:^|&)Body=/g), 1, 'with one text');
}

# Data is never run as a template, and one recipient's data does not stop the others.
{
    my ($id, @texts) = exchange('text', { n => '{{ recipient.name }}{% raw %}' });
    like($texts[0]{body}, qr/Body=%7B%7B(?:%20|\+)recipient\.name/, 'data is printed as it is');
    $cluster->sql(qq{select herald.notify_recipient('n$_', phone => '+1500555001$_', attributes => }
          . ($_ == 4 ? q{'{}')} : q{'{"name": "Bob"}')})) for 1 .. 9;
    $sandbox->reset;
    $cluster->sql(q{select count(*) from herald.notify_send_many('text', array['n1','n2','n3','n4','n5','n6','n7','n8','n9'], '{"n": "many"}')});
    wait_final($cluster, 30);
    is($cluster->sql(q{select string_agg(recipient || ' ' || state, ', ' order by recipient) from herald.delivery where recipient ~ '^n[0-9]'}),
        join(', ', map { "n$_ " . ($_ == 4 ? 'failed' : 'sent') } 1 .. 9), 'only the recipient without a name fails');
    like($cluster->sql(q{select reason from herald.delivery where recipient = 'n4'}), qr/template text version 1.*line 1.*name/, 'and it is told why');
    is(scalar $sandbox->requests, 8, 'the others arrived once each');
}

# Content that is too large fails alone.
{
    $cluster->sql(qq{select herald.notify_device('r', 'ios', 'apns', '@{[ 'ab12' x 16 ]}', app => 'org.example.app')});
    $sandbox->reset;
    my @ids = map { send_one('push', { n => $_ == 3 ? 'y' x 9000 : "small$_" }) } 1 .. 6;
    wait_final($cluster, 30);
    is(join(' ', map { state_of($cluster, $_) } @ids), 'sent sent failed sent sent sent', 'a payload that is too large fails alone');
    like(reason_of($ids[2]), qr/large|4096/i, 'with the reason');
    is(scalar(grep { $_->{body} =~ /yyy/ } $sandbox->requests), 0, 'before anything is sent');
    $sandbox->script([ { match => { provider => 'twilio', body => 'Body=toolarge' }, times => 9, fault => 'status', status => 413,
                body => '{"code": 21617, "message": "too long", "status": 413}' } ]);
    my $refused = send_one('text', { n => 'toolarge' }, ", channels => '{sms}'");
    my $neighbour = send_one('text', { n => 'neighbour' }, ", channels => '{sms}'");
    wait_final($cluster, 30);
    is(state_of($cluster, $refused) . ' ' . state_of($cluster, $neighbour), 'failed sent', 'so does what the provider finds too large');
    $sandbox->script([]);
}

# A lost answer: at most once ends as unknown, at least once is tried again.
{
    $cluster->sql(q{select herald.notify_category('once', policy => 'at_most_once')});
    $cluster->sql(q{select herald.notify_category('twice')});
    $sandbox->reset;
    $sandbox->script([ { match => { body => 'Body=lost' }, times => 2, fault => 'lost-answer' } ]);
    my $once = send_one('text', { n => 'lostonce' }, ", category => 'once', channels => '{sms}'");
    wait_for('the end of it', sub { state_of($cluster, $once) eq 'unknown' }, 20);
    my $twice = send_one('text', { n => 'losttwice' }, ", category => 'twice', channels => '{sms}'");
    wait_final($cluster, 60);
    is(state_of($cluster, $once), 'unknown', 'at most once: an attempt that may have worked stays unknown');
    is(scalar(grep { $_->{body} =~ /lostonce/ } $sandbox->requests), 1, 'and is not repeated');
    is(state_of($cluster, $twice), 'sent', 'at least once: it is repeated');
    is(scalar(grep { $_->{body} =~ /losttwice/ } $sandbox->requests), 2, 'once');
    is($cluster->sql("select string_agg(a.class::text, ' ' order by a.attempt) from herald.attempt a join herald.delivery d on d.id = a.id
            where d.notification = '$twice'"), 'unknown accepted', 'with both attempts on record');
    $sandbox->script([]);
}

# Expired is expired: in the queue, and before its time to send.
{
    $cluster->sql(q{update herald.provider set enabled = false where name = 'twilio'});
    $dispatcher->wait_for_log(qr/account is no longer used.*account=twilio/);
    my $queued = send_one('text', { n => 'late' }, ", channels => '{sms}', expires_at => clock_timestamp() + interval '1 s'");
    is(state_of($cluster, $queued), 'queued', 'without an account a delivery waits');
    wait_for('its end', sub { state_of($cluster, $queued) eq 'expired' }, 20);
    like(reason_of($queued), qr/^expired expires_at/, 'until it expires');
    my $kept = send_one('text', { n => 'patient' }, ", channels => '{sms}'");
    $cluster->sql(q{update herald.provider set enabled = true where name = 'twilio'});
    wait_for('the other', sub { state_of($cluster, $kept) eq 'sent' }, 20);
    pass('one that has time left is sent when an account is there');
    is(scalar(grep { $_->{body} =~ /late/ } $sandbox->requests), 0, 'the expired one is not');
}
is($dispatcher->stop, 0, 'it ends cleanly');
done_testing();
