# The cases of the template engine render the same in SQL and in the dispatcher, and as they should.
# HERALD_LIQUID_CASES=FILE.json adds cases of others, in the form of build/liquid_cases.
use strict;
use warnings;
use Herald::Cluster;
use Herald::Util qw(run_quietly slurp);
use JSON::PP;
use Test::More;

my $text = JSON::PP->new->allow_nonref;

# What a section "options" says that hosts can be told; nothing for ceilings, which hosts do not move, and
# for hosts that lack something.
sub host_options
{
    my ($words) = @_;
    return if $words =~ /\b(?:depth|steps|bytes|nodes)=|\b(?:no-\w+|link)\b/;
    my %value = $words =~ /(\w+)=(\S+)/g;
    return (
        escape => $words =~ /\b(html|headers?)\b/ ? "\"$1\"" : '"none"',
        locale => $text->encode($value{locale} // ''),
        strict => $words =~ /\bstrict\b/ ? 'true' : 'false',
        now => $value{now} // 0,
        offset => $value{offset} // 0);
}

# A case as JSON. Its data stays as it is written: numbers keep their spelling.
sub case_json
{
    my ($name, $section) = @_;
    my %options = host_options($section->{options} // '') or return;
    my @expected = defined $section->{output} ? (result => $text->encode($section->{output})) : (invalid => 'true');
    my %member = (
        %options, @expected,
        name => $text->encode($name),
        template => $text->encode($section->{template}),
        data => $section->{data} // '{}',
        shared => $section->{partials} // '{}',
        translations => $section->{translations} // '[]');
    my $json = '{' . join(', ', map { "\"$_\": $member{$_}" } sort keys %member) . '}';
    return $json =~ /\\u0000/ ? () : $json;    # which PostgreSQL does not store
}

# The cases of a file of tests/liquid/cases, as its README describes them.
sub cases_of_file
{
    my ($file) = @_;
    my @cases;
    my (undef, @parts) = split /^== (.*)\n/m, slurp($file);
    while (my ($name, $body) = splice @parts, 0, 2)
    {
        my (undef, @sections) = split /^-- (\w+)\n/m, $body;
        my %section = @sections;
        s/\n\z// for values %section;
        push @cases, case_json("$file: $name", \%section);
    }
    return @cases;
}

my $cluster = Herald::Cluster->start_new('render_hosts');
my @cases = map { cases_of_file($_) } sort glob "$ENV{HERALD_ROOT}/tests/liquid/cases/*.case";
cmp_ok(scalar @cases, '>', 100, 'there are cases');

# Plain cases of others: lax, nothing escaped.
my $others = '[]';
if (my $file = $ENV{HERALD_LIQUID_CASES})
{
    $others = slurp($file);
    $others =~ s/\A\s*\{.*?"tests"\s*:\s*(?=\[)//s;
    $others =~ s/\}\s*\z//;
}

sub put_json
{
    my ($name, $json) = @_;
    my $path = "$ENV{TESTDIR}/$name";
    open my $file, '>', $path or die "$path: $!";
    $json =~ s/\\/\\\\/g;    # as COPY reads it
    $json =~ s/\n/\\n/g;
    $json =~ s/\t/\\t/g;
    print $file "$json\n";
    close $file;
    $cluster->sql("copy file(content) from '$path'");
    return;
}

$cluster->sql('create table file(id int generated always as identity, content json)');
put_json('own.json', '[' . join(', ', @cases) . ']');
put_json('others.json', $others);

# Some numbers are too large for PostgreSQL.
$cluster->sql(q{
    create function stored(data json) returns jsonb language plpgsql as $$
    begin
        return data::jsonb;
    exception when numeric_value_out_of_range then
        return null;
    end
    $$});

# As SQL sees the data. It is "plain" when jsonb keeps it as it is written: order, spelling, all members.
$cluster->sql(q{
    create table test as
        select row_number() over (order by f.id, c.ordinality) as id, c.value->>'name' as name, p.plain,
               c.value->'result' as result, c.value->'results' as results,
               jsonb_build_object('template', c.value->>'template', 'data', stored(d.data), 'shared', s.shared::jsonb,
                   'escape', coalesce(c.value->>'escape', 'none'),
                   'translations', coalesce(c.value->'translations', '[]')::jsonb,
                   'strict', coalesce((c.value->>'strict')::boolean, false),
                   'now', coalesce((c.value->>'now')::bigint, 0), 'offset', coalesce((c.value->>'offset')::int, 0),
                   'locale', coalesce(c.value->>'locale', '')) as input
          from file f, json_array_elements(f.content) with ordinality c(value, ordinality),
               lateral (values (coalesce(c.value->'data', '{}'))) d(data),
               lateral (values (coalesce(c.value->'shared', c.value->'templates', '{}'))) s(shared),
               lateral (values (regexp_replace(d.data::text, '\s', '', 'g')
                                = regexp_replace(stored(d.data)::text, '\s', '', 'g'))) p(plain)
         where json_typeof(d.data) = 'object' and not stored(d.data) ?| '{recipient,notification}'
});
$cluster->sql(q{
    create function rendered(input jsonb) returns jsonb language plpgsql as $$
    begin
        return jsonb_build_object('output', herald.liquid_render(input->>'template', input->'data' || herald.template_variables(
            '{}', '{}', 'ann', input->>'locale', null, '00000000-0000-0000-0000-000000000000', 'case', null), input->'shared',
            input->>'escape', (input->>'strict')::boolean, input->>'locale',
            to_timestamp((input->>'now')::bigint),
            format('<x>%s', -make_interval(secs => (input->>'offset')::int)), array(select jsonb_array_elements(input->'translations'))));
    exception when others then
        return jsonb_build_object('error', sqlerrm);
    end
    $$});
$cluster->sql('create table in_sql as select id, rendered(input) as result from test');

# Written by the server, since psql drops characters that it holds for none.
my $path = "$ENV{TESTDIR}/input.json";
$cluster->sql(qq{
    select lo_from_bytea(1, convert_to(
               jsonb_agg(input || jsonb_build_object('data', input->>'data') order by id)::text, 'UTF8')) from test;
    select lo_export(1, '$path')});
my $results = run_quietly("($ENV{HERALD_TESTS}/conformance/dispatcher_cases <$path)");
put_json('results.json', $results);
$cluster->sql(q{
    create table in_dispatcher as
        select r.ordinality as id, r.value::jsonb as result
          from (select content from file order by id desc limit 1) f,
               json_array_elements(f.content) with ordinality r});

my $count = $cluster->sql('select count(*) from test');
cmp_ok($count, '>', 100, "$count cases");
is($cluster->sql(q{
    select t.name, s.result, d.result from test t join in_sql s using (id) left join in_dispatcher d using (id)
     where (s.result->>'output') is distinct from (d.result->>'output')}),
    '', 'SQL and dispatcher print the same');
is($cluster->sql(q{
    select t.name, s.result->>'error', d.result->>'error'
      from test t join in_sql s using (id) join in_dispatcher d using (id)
     where regexp_replace(s.result->>'error', '^source(, shared template "[^"]*")?: ', '')
           is distinct from regexp_replace(regexp_replace(d.result->>'error',
               '^template case version 1: part \w+(, shared template "[^"]*")?[:,] ', ''), '^(line \d+, column \d+: )', '\1')}),
    '', 'and say the same of errors');
is($cluster->sql(q{
    select t.name, s.result, coalesce(t.result, t.results) from test t join in_sql s using (id)
     where t.plain and (t.result is not null or t.results is not null)
       and (s.result->>'output') is distinct from (t.result #>> '{}')
       and not coalesce((s.result->>'output') in (select json_array_elements_text(t.results)), false)}),
    '', 'which is what is expected');
is($cluster->sql(q{
    select t.name, s.result from test t join in_sql s using (id)
     where t.plain and t.result is null and t.results is null and s.result ? 'output'}),
    '', 'and errors where they are');
cmp_ok($cluster->sql('select count(*) from test where plain'), '>', 0.7 * $count, 'most cases are compared with that');

done_testing;
