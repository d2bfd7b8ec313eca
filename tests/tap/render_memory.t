# Rendering in a backend: memory does not grow with the number of renderings, errors and publications
# included, and a rendering is cancelled while it runs. HERALD_FULL=1 renders a million times.
use strict;
use warnings;
use Herald::Cluster;
use Test::More;

my $rounds = $ENV{HERALD_FULL} ? 1_000_000 : 20_000;
my $cluster = Herald::Cluster->start_new('render_memory');
$cluster->sql(q{
    select herald.notify_template(name) from unnest('{footer,order}'::text[]) name;
    select herald.notify_template_part('footer', 'shared', 'body', '<p>{{ shop }}</p>');
    select herald.notify_template_part('footer', 'shared', 'translations', '{"items": {"one": "1 item", "other": "{{ count }} items"}}');
    select herald.notify_template_part('order', 'email', 'subject', 'Order {{ no }}');
    select herald.notify_template_part('order', 'email', 'html',
        '{% for i in (1..n) %}{{ i | money: "EUR" }} {{ at | date: "full time", "Asia/Seoul" }}{% endfor %}{{ "items" | t: count: n }}{% render "footer", shop: no %}');
    select herald.notify_template_publish(name) from unnest('{footer,order}'::text[]) with ordinality n(name, o) order by o;
});

# Bytes of all memory of the backend after so many renderings, every tenth of which fails.
sub bytes_after
{
    my ($count) = @_;
    return qq{
        do \$\$
        begin
            for i in 1 .. $count loop
                begin
                    perform count(*) from herald.notify_render('order', 'email',
                        jsonb_build_object('no', i, 'at', '2026-01-01 00:00Z', 'n', case when i % 10 = 0 then null else i % 5 end));
                exception when others then
                    null;
                end;
                if i % 1000 = 0 then
                    perform herald.notify_template_rollback('order', 1);
                end if;
            end loop;
        end
        \$\$;
        select sum(total_bytes) from pg_backend_memory_contexts;};
}

my ($first, $last) = split /\n/, $cluster->sql(bytes_after(2_000) . bytes_after($rounds));
cmp_ok($last, '<', $first + 200_000, "$rounds renderings later the backend holds $last bytes instead of $first");

my ($code, undef, $stderr) = $cluster->try_sql(q{
    set statement_timeout = '100ms';
    select count(herald.liquid_render('{% for i in (1..300000) %}{% endfor %}', jsonb_build_object('i', i), strict => false))
      from generate_series(1, 1000000) i});
isnt($code, 0, 'a rendering is cancelled');
like($stderr, qr/canceling statement due to statement timeout/, 'by the timeout of its statement');

done_testing;
