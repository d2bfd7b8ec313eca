-- What an application does: orders change inside its own transactions, and notify_send goes with them.
\set ON_ERROR_STOP on
\set QUIET on

create schema shop;
create table shop.orders (
    order_no integer primary key,
    customer text not null,
    items text[] not null,
    total numeric(10, 2) not null,
    status text not null default 'placed'
);

create function shop.order_shipped() returns trigger
language plpgsql as $$
begin
    perform herald.notify_send('order_shipped', new.customer,
        jsonb_build_object('order_no', new.order_no, 'items', new.items, 'total', new.total::text));
    return new;
end
$$;

create trigger order_shipped after update of status on shop.orders
for each row when (old.status <> 'shipped' and new.status = 'shipped')
execute function shop.order_shipped();

insert into shop.orders values
    (1, 'ann', '{tea,"two cups"}', 31.90),
    (2, 'ben', '{coffee}', 12.50),
    (3, 'caro', '{sugar,milk,"a <big> spoon"}', 7.25),
    (4, 'ann', '{"a teapot"}', 49.00),
    (5, 'emil', '{biscuits}', 3.10);

\echo 'shipping orders 1, 2, 3 and 5, each in its own transaction'
update shop.orders set status = 'shipped' where order_no = 1;
update shop.orders set status = 'shipped' where order_no = 2;
update shop.orders set status = 'shipped' where order_no = 3;
update shop.orders set status = 'shipped' where order_no = 5;

\echo 'shipping order 4 and rolling back: nobody may hear of it'
begin;
update shop.orders set status = 'shipped' where order_no = 4;
rollback;

\echo 'a login code, and one for a number that does not exist'
select herald.notify_send('login_code', 'ben', '{"code": "412 093"}', priority => 'urgent') \g /dev/null
select herald.notify_send('login_code', 'dora', '{"code": "555 123"}', priority => 'urgent') \g /dev/null

\echo 'a reminder that is due in five seconds'
select herald.notify_send('review_reminder', 'ann', '{"order_no": 1}',
                          send_at => now() + interval '5 seconds') \g /dev/null
