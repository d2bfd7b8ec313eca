-- recipient_country: in which country a recipient is, for routes. Dispatchers have the same rules,
-- dispatcher/delivery/country.c.
-- Parameters: attributes, region, locale - of the recipient; phone - to be used, null elsewhere than
--             on sms and voice
-- Returns: the first that is known: attribute "country", the country of the region, that of the phone
--          number's calling code, that of the locale; ISO 3166 code, null: unknown · Writes: nothing
-- Called by: route_matches, people
create function herald.recipient_country(attributes jsonb, region text, phone text, locale text)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select upper(coalesce(
        substring(case when jsonb_typeof(attributes -> 'country') = 'string'
                       then attributes ->> 'country' end from '^[A-Za-z]{2}$'),
        substring(region from '^([A-Za-z]{2})(?:-|$)'),
        (select c.country from herald.calling_codes() c
          where starts_with(phone, '+' || c.digits) order by length(c.digits) desc limit 1),
        substring(locale from '^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2})(?:-|$)')) collate "C")
$$;
comment on function herald.recipient_country(jsonb, text, text, text) is
    'Country of a recipient by attribute, region, phone number or locale, for routes';
