# Mails with attachments and inline images through each kind, content that waits for room in the
# dispatcher's memory, and what is refused.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use JSON::PP;
use Test::More;

my ($cluster, $sandbox) = start_all('attachments');
my %secrets = (
    mandrill => { api_key => 'env:MANDRILL_API_KEY' },
    sendgrid => { api_key => 'env:SENDGRID_API_KEY' },
    ses => { access_key_id => 'env:SES_ACCESS_KEY_ID', secret_access_key => 'env:SES_SECRET_ACCESS_KEY' },
    smtp => { password => 'env:SMTP_PASSWORD' });
my %settings = (
    ses => { region => 'eu-west-1' },
    smtp => { host => 'localhost', port => $sandbox->{ports}{smtp}, username => 'herald' });
my $json = JSON::PP->new->utf8->canonical;

# A template whose attachments are data.
add_template($cluster, 'mail', undef, 'email/subject' => 'Invoice', 'email/text' => 'See below',
    'email/html' => '<img src="cid:logo">', 'email/attachments' => '{{ files }}');
add_template($cluster, 'plain', undef, 'email/subject' => 'Invoice', 'email/text' => 'See below',
    'email/attachments' => "\n{% if files %}{{ files }}{% endif %}\n");
$cluster->sql(q{select herald.notify_recipient('ann', email => 'ann@example.org')});

# An object of so many bytes, all values of a byte in it.
sub store
{
    my ($bytes, $type, $name, $seed) = @_;
    return $cluster->sql("select herald.notify_object(convert_to(rpad('', $bytes, '$seed' || E'\\u00e4\\r\\n.='), 'UTF8'),"
          . " '$type', '$name')");
}

sub content_of
{
    my ($id) = @_;
    return split /\|/, $cluster->sql("select encode(sha256, 'hex'), size from herald.object where id = '$id'");
}

sub use_account
{
    my ($kind) = @_;
    my $given = $json->encode({ from => 'shop@example.org', ca_file => $sandbox->dir . '/ca.pem',
        $kind eq 'smtp' ? () : (endpoint => $sandbox->url), %{ $settings{$kind} // {} } });
    my $secret = $json->encode($secrets{$kind});
    $cluster->sql(q{delete from herald.provider where channel = 'email'});
    $cluster->sql("select herald.notify_provider('$kind', '$kind', 'email', settings => '$given', secrets => '$secret')");
    return;
}

sub data_of { return $json->encode({ files => JSON::PP->new->canonical->encode(\@_) }) }

# Sends, and returns state and reason of the delivery, and what arrived.
sub send_one
{
    my ($template, $data) = @_;
    my $before = $sandbox->count;
    my $id = $cluster->sql("select herald.notify_send('$template', 'ann', \$d\$$data\$d\$)");
    wait_final($cluster);
    my $end = $cluster->sql("select concat_ws(' ', state, code, reason) from herald.delivery where notification = '$id'");
    return ($end, $sandbox->requests($before));
}

my $pdf = store(700_000, 'application/pdf', 'Rechnung Mai.pdf', '%PDF-');
my $csv = store(200, 'text/csv; charset=utf-8', '', 'a;b');
my $logo = store(5000, 'image/png', 'logo.png', 'PNG');
for my $kind (qw(mandrill sendgrid ses smtp))
{
    use_account($kind);
    my $dispatcher = start_dispatcher($cluster, $sandbox);
    my ($end, @mails) = send_one('mail', data_of({ object => $pdf },
        { object => $logo, inline => 'logo' }, { object => $csv, name => "Stra\x{df}e.csv" }));
    is($end, 'sent', "$kind: sent") or diag $mails[0]{violation};
    is(scalar @mails, 1, "$kind: one mail") or next;
    my %files = map { $_->{sha256} => $_ } @{ $mails[0]{rendered}{files} };
    is(scalar keys %files, 3, "$kind: three files");
    for my $case ([ $pdf, 'Rechnung Mai.pdf', undef ], [ $logo, 'logo.png', 'logo' ], [ $csv, "Stra\x{df}e.csv", undef ])
    {
        my ($hash, $size) = content_of($case->[0]);
        my $file = $files{$hash} or fail("$kind: the bytes of $case->[1] arrive"), next;
        is($file->{size}, $size, "$kind: $case->[1] arrives whole");
        is($file->{inline}, $case->[2], "$kind: inline, or not");
        my $wanted = $kind eq 'mandrill' && $case->[2] ? 'logo' : $case->[1];
        is($file->{name}, $wanted, "$kind: name");
    }
    is($dispatcher->stop, 0, "$kind: the dispatcher ends cleanly");
}

# Room for one of two at a time.
my @large = map { store(700_000, 'a/b', "large$_", $_) } 1 .. 4;
my $dispatcher = start_dispatcher($cluster, $sandbox, args => [ '--object-cache', 1 ]);
my $before = $sandbox->count;
$cluster->sql("select herald.notify_send('plain', 'ann', \$d\$$_\$d\$)")
  for map { data_of({ object => $large[ $_ % 4 ] }, { object => $csv }) } 1 .. 12;
wait_final($cluster);
my %arrived;
$arrived{ $_->{rendered}{files}[0]{sha256} }++ for $sandbox->requests($before);
is(join(' ', map { $arrived{ (content_of($_))[0] } // 0 } @large), '3 3 3 3', 'those that do not fit wait for room');

# What is refused. None of it reaches the provider.
my $far = $cluster->sql(q{select herald.notify_object_external('https://a.example/x', 'a/b')});
my $none = $cluster->sql('select gen_random_uuid()');
for my $case (
    [ qr/^failed unknown_object object $none does not exist$/, data_of({ object => $none }) ],
    [ qr/^failed external_object object $far lies at a URL/, data_of({ object => $far }) ],
    [ qr/^failed attachments_too_large attachments have 1633334 bytes, the dispatcher's object-cache 1048576$/,
        data_of({ object => $large[0] }, { object => $large[1] }) ],
    [ qr/^failed bad_attachments attachments is no JSON: /, '{"files": "["}' ],
    [ qr/^failed bad_attachments attachments is no JSON array$/, '{"files": "{}"}' ],
    [ qr/^failed bad_attachments attachments\[0\] is no JSON object$/, '{"files": "[1]"}' ],
    [ qr/^failed bad_attachments attachments\[0\]\.object is missing$/, data_of({ name => 'a' }) ],
    [ qr/^failed bad_attachments attachments\[0\]\.object is not the id of an object$/, data_of({ object => "$pdf'" }) ],
    [ qr/^failed bad_attachments attachments\[1\]\.name is not the name of a file/,
        data_of({ object => $csv }, { object => $csv, name => "a\r\nX: y" }) ],
    [ qr/^failed bad_attachments attachments\[0\]\.name is not/, data_of({ object => $csv, name => '../a' }) ],
    [ qr/^failed bad_attachments attachments\[0\]\.inline is not a name/, data_of({ object => $csv, inline => 'a>b' }) ],
    [ qr/^failed bad_attachments attachments\[1\]\.inline is the name of an earlier one/,
        data_of({ object => $csv, inline => 'a' }, { object => $pdf, inline => 'a' }) ],
    [ qr/^failed bad_attachments attachments\[0\]\.file is not known/, data_of({ object => $csv, file => 'x' }) ],
    [ qr/^failed bad_attachments attachments\[0\]\.name is not a text$/, data_of({ object => $csv, name => [] }) ],
    [ qr/^failed too_many_attachments attachments lists 21 objects, more than 20$/, data_of(({ object => $csv }) x 21) ])
{
    my ($end, @mails) = send_one('plain', $case->[1]);
    like($end, $case->[0], "refused: $case->[1]");
    is(scalar @mails, 0, 'before it is sent');
}
for my $data ('{"files": ""}', '{"files": "[]"}', data_of(({ object => $csv }) x 20))
{
    my ($end) = send_one('plain', $data);
    is($end, 'sent', "taken: $data");
}

# Removed while it waits.
$cluster->sql("select herald.notify_object_remove('$csv')");
my ($end) = send_one('plain', data_of({ object => $csv }));
like($end, qr/^failed unknown_object/, 'an object that was removed');
is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
done_testing();
