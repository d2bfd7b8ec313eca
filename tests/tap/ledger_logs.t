# The checker of the ledger test finds defects that are planted in the records, and counts each.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Herald::Ledger;
use Test::More;

my $messages = 5000;
my $ledger = Herald::Ledger->new(name => 'logs', count => 0, kills => 0, seed => 1, quiet => 1);
$ledger->start_cluster;
$ledger->create_database;

# Perfect records: message => its lines by file. Each was sent at the first attempt.
sub perfect
{
    my %records;
    for my $n (1 .. $messages)
    {
        my $id = sprintf '00000000-0000-7000-8000-%012d', $n;
        my $hash = sha256_hex("text $n");
        my $ns = $n * 1_000_000;
        $records{$n} = {
            id => $id,
            intents => [ [ 'I', $n, $ns, 'webhook', '\N', 'hook', $hash, '\N' ],
                [ 'A', $n, $ns, 'webhook', '\N', 'hook', '\N', '\N' ] ],
            sink => [ [ $n, $ns, 1, $n, 'webhook', $n, 1, $id, 'hook', $hash, 'accept', '\N', 'answered' ] ],
            notification => [ [ $id, "k$n" ] ],
            delivery => [ [ $id, $id, 'sent', 1, '\N' ] ],
            attempt => [ [ $id, 1, 'accepted', 't' ] ] };
    }
    return \%records;
}

# What the checker makes of records.
sub judge
{
    my ($name, $records) = @_;
    my $dir = "$ledger->{dir}/$name";
    mkdir $dir;
    my %files = (intents => 'intents.0', sink => 'sink.tsv', map { $_ => "$_.tsv" } qw(notification delivery attempt));
    while (my ($kind, $file) = each %files)
    {
        open my $handle, '>', "$dir/$file" or die "$file: $!\n";
        for my $record (map { $records->{$_} } sort { $a <=> $b } keys %$records)
        {
            print $handle join("\t", @$_), "\n" for @{ $record->{$kind} };
        }
        close $handle or die "$file: $!\n";
    }
    open my $chaos, '>', "$dir/chaos.log" or die "chaos.log: $!\n";
    print $chaos "1\tkill\t1000000000\t1500000000\t\n";
    close $chaos or die "chaos.log: $!\n";
    return $ledger->check($dir);
}

# A further request that was accepted.
sub accept_again
{
    my ($record) = @_;
    my @line = @{ $record->{sink}[0] };
    $line[6]++;
    push @{ $record->{sink} }, \@line;
    return;
}

# A further attempt, which becomes the last one.
sub try_again
{
    my ($record, $class) = @_;
    $record->{attempt}[0][2] = $class;
    push @{ $record->{attempt} }, [ $record->{id}, 2, 'accepted', 't' ];
    $record->{delivery}[0][3] = 2;
    return;
}

my @all = qw(lost vanished said_sent given_up phantoms stuck corrupted content crossed mixed wrong_state stale_applied
  keys_taken unexplained_all unexplained without_claim doubled explained);

sub is_verdict
{
    my ($name, $verdict, %expected) = @_;
    my %found = map { $_ => $verdict->{$_} } grep { $verdict->{$_} } @all;
    is_deeply(\%found, \%expected, $name);
    return;
}

my $verdict = judge('perfect', perfect());
is_verdict('perfect records have no defects', $verdict);
ok($ledger->is_clean($verdict), 'and are clean');
is($ledger->line($verdict), "ledger: $messages acked, 1 kills, lost 0, phantom 0, stuck 0, corrupted 0, "
      . 'duplicates explained 0, unexplained 0, recovery p99 0.001 s, seed 1', 'the line says so');

# All defects at once, each of them in messages of its own.
my $records = perfect();
my $n = 1;
$records->{ $n++ }{sink} = [] for 1 .. 3;
for my $state ('queued', 'retry')
{
    $records->{$n}{delivery}[0][2] = $state;
    @{ $records->{$n} }{qw(sink attempt)} = ([], []);
    $n++;
}
@{ $records->{ $n++ } }{qw(sink notification delivery attempt)} = ([], [], [], []);
for my $repeat (1 .. 17)
{
    my $record = $records->{ $n++ };
    accept_again($record);
    # 11 of the repeats follow an attempt whose outcome is not known
    try_again($record, $repeat <= 11 ? 'unknown' : 'retry');
    # What was "retry" was accepted all the same, which is no excuse.
}
@{ $records->{$n} }{qw(notification delivery attempt)} = ([], [], []);
$_->[0] =~ s/A/R/ for @{ $records->{ $n++ }{intents} };
@{ $records->{$n} }{qw(intents notification delivery attempt)} = ([], [], [], []);
$n++;
$records->{ $n++ }{sink}[0][9] = sha256_hex('other');
$records->{$n}{delivery}[0][2] = 'failed';
$records->{ $n++ }{attempt}[0][2] = 'content';
$verdict = judge('planted', $records);
is_verdict('planted defects are found, each once', $verdict,
    lost => 4, said_sent => 3, vanished => 1, stuck => 2, phantoms => 2, corrupted => 2, content => 1, wrong_state => 1,
    explained => 11, unexplained => 6, unexplained_all => 6);
is($verdict->{duplicates}, 17, '17 repeats');
is($verdict->{acked}, $messages - 2, 'what was rolled back or never intended is not acknowledged');
ok(!$ledger->is_clean($verdict), 'the verdict is not clean');

# One at a time: those that the first set has no room for.
my %single = (
    'to another address' => [ sub { $_[0]{sink}[0][8] = 'elsewhere' }, crossed => 1, corrupted => 1 ],
    'under the id of another delivery' =>
      [ sub { $_[0]{sink}[0][7] = '00000000-0000-7000-8000-000000000002' }, mixed => 1, corrupted => 1 ],
    'a write by who had lost the claim' =>
      [ sub { try_again($_[0], 'accepted'); $_[0]{attempt}[1][3] = 'f'; accept_again($_[0]) },
        stale_applied => 1, corrupted => 1, unexplained => 1, unexplained_all => 1 ],
    'a request without an attempt' =>
      [ sub { accept_again($_[0]); $_[0]{sink}[1][10] = 'fault' }, without_claim => 1, unexplained_all => 1 ],
    'a repeat without an attempt' =>
      [ sub { accept_again($_[0]) }, without_claim => 1, unexplained => 1, unexplained_all => 2 ],
    'two notifications for one key' => [
        sub { push @{ $_[0]{notification} }, [ '00000000-0000-7000-9000-000000000000', 'k1' ] },
        doubled => 1, unexplained_all => 1 ],
    'given up though nobody refused it' =>
      [ sub { $_[0]{delivery}[0][2] = 'dead'; $_[0]{sink} = []; $_[0]{attempt}[0][2] = 'retry' }, given_up => 1, lost => 1 ],
    'a key taken for other content' =>
      [ sub { push @{ $_[0]{intents} }, [ 'W', 1, 1, 'webhook', '\N', 'hook', '\N', '\N' ] }, keys_taken => 1, corrupted => 1 ],
    'a message of nobody' => [ sub { push @{ $_[0]{sink} }, [ @{ $_[0]{sink}[0] } ]; $_[0]{sink}[1][5] = '\N' }, phantoms => 1 ],
    'a second time though at most once' =>
      [ sub { accept_again($_[0]); try_again($_[0], 'unknown'); $_->[4] = 'once' for @{ $_[0]{intents} } },
        unexplained => 1, unexplained_all => 1 ]);
for my $name (sort keys %single)
{
    my ($plant, %expected) = @{ $single{$name} };
    $records = perfect();
    $plant->($records->{1});
    is_verdict($name, judge('single', $records), %expected);
}
done_testing();
