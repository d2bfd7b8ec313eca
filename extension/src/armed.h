/*
 * Armed: whether dispatchers deliver from this database, or it is a copy that must not send.
 */
#ifndef HERALD_ARMED_H
#define HERALD_ARMED_H

/*
 * Does the newest row of herald.armed name this database? Kept until the table changes. Connected
 * to SPI, `search_path = pg_catalog, pg_temp`.
 */
bool herald_is_armed(void);

#endif
