-- receipt_rank: which of two receipts stands. What can still change (a phone that is off, a full
-- mailbox) gives way to "delivered", which gives way to a failure for good (a mail that bounces after
-- the first server took it), and nobody has read what did not arrive.
-- A body without names to look up: audit_provider calls it in queries of others.
-- Parameters: receipt; class - of the event, null: none
-- Returns: a number, the highest stands · Writes: nothing · Called by: event_apply, audit_provider
create function herald.receipt_rank(receipt herald.receipt, class herald.outcome_class) returns integer
language sql immutable parallel safe
begin atomic
    select case receipt when 'carrier' then 1
                        when 'undelivered' then case when class in ('token_invalid', 'suppressed', 'content', 'config')
                                                     then 4 else 2 end
                        when 'delivered' then 3
                        when 'read' then 5
                        else 0 end;
end;
comment on function herald.receipt_rank(herald.receipt, herald.outcome_class) is
    'Of several receipts of a delivery the one of the highest rank stands';
