# CREATE EXTENSION refuses what would be unsafe, and DROP EXTENSION leaves nothing behind.
use strict;
use warnings;
use Herald::Cluster;
use Test::More;

my $cluster = Herald::Cluster->start_new('install', extension => 0);
$cluster->sql('create role mallory login');

sub create_in
{
    my ($database, $prepare, $options) = @_;
    $cluster->safe_psql('postgres', "create database $database " . ($options // ''));
    $cluster->safe_psql($database, $prepare) if $prepare;
    my ($stdout, $stderr) = ('', '');
    my $code = $cluster->psql($database, 'create extension pg_herald', stdout => \$stdout, stderr => \$stderr);
    return ($code, $stderr);
}

my ($code, $error) = create_in('squatted', 'create schema herald authorization mallory');
isnt($code, 0, 'a schema that somebody else owns is refused');
like($error, qr/schema "herald"/, 'and named');
($code, $error) = create_in('prepared', 'create schema herald; grant all on schema herald to mallory;
    set role mallory; create function herald.bucket(text) returns int language sql return 1');
isnt($code, 0, 'a schema with foreign objects is refused');
($code, $error) = create_in('latin', undef,
    "encoding 'LATIN1' locale 'C' template template0");
isnt($code, 0, 'a database that is not UTF-8 is refused');
like($error, qr/UTF-?8/i, 'with the reason');

($code, $error) = create_in('good');
is($code, 0, 'a clean database is accepted') or diag $error;
is($cluster->safe_psql('good', q{select pg_get_userbyid(nspowner) = current_user from pg_namespace
    where nspname = 'herald'}), 't', 'the schema belongs to who created the extension');
$cluster->safe_psql('good', 'call herald.tick()');
my ($out, $drop) = ('', '');
$cluster->psql('good', 'drop extension pg_herald cascade', stdout => \$out, stderr => \$drop);
is($cluster->safe_psql('good', q{select count(*) from pg_class c join pg_namespace n
    on n.oid = c.relnamespace where nspname = 'herald'}), 0, 'nothing is left after DROP EXTENSION');
$cluster->safe_psql('good', 'create extension pg_herald');
pass('and it can be created again');

# The same functions for two senders: nobody without a grant gets in.
my ($status, $stderr) = (0, '');
$cluster->psql('good', q{set role mallory; select herald.notify_send('t', 'r')}, stderr => \$stderr);
like($stderr, qr/permission denied/, 'a role without a grant is refused');
done_testing();
