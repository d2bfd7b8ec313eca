/*
 * The doorbell: wakes a sleeping dispatcher after a commit that put rows into the outbox, without
 * a NOTIFY in the sender's transaction.
 */
#ifndef HERALD_DOORBELL_H
#define HERALD_DOORBELL_H

enum
{
    /* First key of all advisory locks of pg_herald: "Herd". */
    HERALD_LOCK_CLASS = 1214606916
};

/* For _PG_init: hooks for shared memory and, in every backend, the transaction callback. */
void herald_doorbell_init(void);

/*
 * This transaction put something into the outbox: ring when it commits. Survives the rollback of a
 * savepoint, then as a ring for nothing.
 */
void herald_doorbell_note(void);

/* Entry point of the background worker that turns rings into NOTIFY; slot is its index. */
PGDLLEXPORT void herald_doorbell_main(Datum slot);

#endif
