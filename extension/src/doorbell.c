/*
 * The doorbell: see doorbell.h.
 *
 * Preloaded: shared memory holds one slot for each database that a dispatcher has armed. A sender
 * that committed rows reads its slot; the first one that finds it armed disarms it and wakes the
 * database's background worker, which NOTIFYs. Lost rings are impossible because the sender makes
 * its rows visible before it reads `armed`, and the dispatcher sets `armed` before it claims once
 * more; both have a full barrier in between.
 *
 * Not preloaded: the one transaction that gets an advisory lock before its commit NOTIFYs, the
 * others rely on it or on the dispatcher's poll.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#include "clock.h"
#include "compat.h"
#include "doorbell.h"

#define CHANNEL "herald_outbox"
#define TRANCHE "pg_herald"

enum
{
    SLOTS = 64,
    IDLE_S = 60,
    GAP_US = 2000,  /* from one NOTIFY to the next */
    START_S = 10,   /* a worker that is not there by then did not start */
    NOTIFY_LOCK = 0 /* epochs start at 1 */
};

/* One database. */
struct slot
{
    /* Changed under the lock only. */
    pg_atomic_uint32 database; /* its oid; 0: free */
    bool worker;               /* a worker is starting or runs */
    uint32 worker_number;      /* of the worker started last */
    int64 worker_us;           /* when it was started, monotonic */

    /* Changed by anyone. */
    pg_atomic_uint32 armed;
    pg_atomic_uint32 rung;
    pg_atomic_uint32 proc_number; /* of the running worker, plus 1; 0: none */
    pg_atomic_uint32 sessions;    /* that have armed it and still run */
    pg_atomic_uint64 used_us;     /* last time it was armed or notified, monotonic */
};

struct doorbell
{
    LWLock *lock;
    pg_atomic_uint32 generation; /* rises with every slot that gets a database */
    pg_atomic_uint64 unsafe;     /* commits into an outbox with synchronous_commit = off */
    struct slot slots[SLOTS];
};

/* State of this process; shared is NULL when the module was not preloaded. */
static struct
{
    struct doorbell *shared;
    struct slot *slot;    /* of this database */
    uint32 generation;    /* in which slot was looked up */
    bool noted;           /* this transaction rings when it commits */
    bool counted;         /* this session is one of slot->sessions */
    uint32 worker_number; /* in a worker: its own */
} bell;

static shmem_request_hook_type next_shmem_request;
static shmem_startup_hook_type next_shmem_startup;

HERALD_FUNCTION(herald_outbox_ring);
HERALD_FUNCTION(herald_doorbell_arm);
HERALD_FUNCTION(herald_ring);
HERALD_FUNCTION(herald_unsafe_commits);

static void
request_shared_memory(void)
{
    if (next_shmem_request != NULL)
        next_shmem_request();
    RequestAddinShmemSpace(MAXALIGN(sizeof(struct doorbell)));
    RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
start_shared_memory(void)
{
    bool found;

    if (next_shmem_startup != NULL)
        next_shmem_startup();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bell.shared = ShmemInitStruct("pg_herald doorbell", sizeof(struct doorbell), &found);
    if (!found)
    {
        memset(bell.shared, 0, sizeof(*bell.shared));
        bell.shared->lock = &GetNamedLWLockTranche(TRANCHE)->lock;
        pg_atomic_init_u32(&bell.shared->generation, 0);
        pg_atomic_init_u64(&bell.shared->unsafe, 0);
        for (int i = 0; i < SLOTS; i++)
        {
            struct slot *slot = &bell.shared->slots[i];

            pg_atomic_init_u32(&slot->database, 0);
            pg_atomic_init_u32(&slot->armed, 0);
            pg_atomic_init_u32(&slot->rung, 0);
            pg_atomic_init_u32(&slot->proc_number, 0);
            pg_atomic_init_u32(&slot->sessions, 0);
            pg_atomic_init_u64(&slot->used_us, 0);
        }
    }
    LWLockRelease(AddinShmemInitLock);
}

static struct slot *
find_slot(Oid database)
{
    for (int i = 0; i < SLOTS; i++)
    {
        if (pg_atomic_read_u32(&bell.shared->slots[i].database) == database)
            return &bell.shared->slots[i];
    }
    return NULL;
}

/* The slot of this database, NULL when no dispatcher ever armed it. May run after a commit. */
static struct slot *
my_slot(void)
{
    if (bell.slot == NULL)
    {
        uint32 generation = pg_atomic_read_u32(&bell.shared->generation);

        if (generation != bell.generation)
        {
            pg_read_barrier();
            bell.slot = find_slot(MyDatabaseId);
            bell.generation = generation;
        }
    }
    return bell.slot;
}

static void
wake_worker(struct slot *slot)
{
    uint32 number = pg_atomic_read_u32(&slot->proc_number);

    /* A worker that has ended meanwhile leaves a process that is merely woken for nothing. */
    if (number != 0)
        SetLatch(&ProcGlobal->allProcs[number - 1].procLatch);
}

/* After the commit: rows are visible, nothing may raise. */
static void
ring(void)
{
    struct slot *slot;

    pg_memory_barrier();
    slot = my_slot();
    if (slot == NULL || pg_atomic_read_u32(&slot->armed) == 0 ||
        pg_atomic_exchange_u32(&slot->armed, 0) == 0)
        return;
    pg_atomic_write_u32(&slot->rung, 1);
    pg_memory_barrier();
    wake_worker(slot);
}

/* Before the commit, without shared memory: the holder of the lock speaks for the others. */
static void
notify_if_first(void)
{
    Datum held = DirectFunctionCall2(pg_try_advisory_xact_lock_int4,
                                     Int32GetDatum(HERALD_LOCK_CLASS), Int32GetDatum(NOTIFY_LOCK));

    if (DatumGetBool(held))
        Async_Notify(CHANNEL, NULL);
}

static void
at_transaction_event(XactEvent event, void *arg)
{
    (void) arg;
    if (!bell.noted)
        return;
    switch (event)
    {
        case XACT_EVENT_PRE_COMMIT:
            if (bell.shared == NULL)
                notify_if_first();
            break;
        case XACT_EVENT_COMMIT:
            bell.noted = false;
            if (bell.shared != NULL)
            {
                if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
                    pg_atomic_fetch_add_u64(&bell.shared->unsafe, 1);
                ring();
            }
            break;
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PREPARE:
            bell.noted = false;
            break;
        default:
            break;
    }
}

void
herald_doorbell_note(void)
{
    bell.noted = true;
}

/* Statement trigger on every leaf. */
Datum
herald_outbox_ring(PG_FUNCTION_ARGS)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("herald.outbox_ring() can only be called as a trigger"));
    herald_doorbell_note();
    PG_RETURN_POINTER(NULL);
}

Datum
herald_ring(PG_FUNCTION_ARGS)
{
    (void) fcinfo;
    herald_doorbell_note();
    PG_RETURN_VOID();
}

Datum
herald_unsafe_commits(PG_FUNCTION_ARGS)
{
    (void) fcinfo;
    if (bell.shared == NULL)
        PG_RETURN_NULL();
    PG_RETURN_INT64((int64) pg_atomic_read_u64(&bell.shared->unsafe));
}

void
herald_doorbell_init(void)
{
    RegisterXactCallback(at_transaction_event, NULL);
    if (!process_shared_preload_libraries_in_progress)
        return;
    next_shmem_request = shmem_request_hook;
    shmem_request_hook = request_shared_memory;
    next_shmem_startup = shmem_startup_hook;
    shmem_startup_hook = start_shared_memory;
}

/* A session that has armed the bell ends: without any the worker has nobody to notify. */
static void
session_ends(int code, Datum arg)
{
    (void) code;
    (void) arg;
    pg_atomic_fetch_sub_u32(&bell.slot->sessions, 1);
    wake_worker(bell.slot);
}

/* A free slot, or one whose database is gone and with it everybody who remembers the slot. */
static struct slot *
find_free_slot(void)
{
    struct slot *slot = find_slot(InvalidOid);

    for (int i = 0; i < SLOTS && slot == NULL; i++)
    {
        struct slot *used = &bell.shared->slots[i];
        Oid database = pg_atomic_read_u32(&used->database);

        if (!used->worker && !SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database)))
            slot = used;
    }
    return slot;
}

static void
start_worker(struct slot *slot)
{
    BackgroundWorker worker = {
        .bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
        .bgw_start_time = BgWorkerStart_RecoveryFinished,
        .bgw_restart_time = BGW_NEVER_RESTART,
        .bgw_main_arg = Int32GetDatum((int32) (slot - bell.shared->slots)),
    };

    slot->worker_number++;
    slot->worker_us = herald_monotonic_us();
    memcpy(worker.bgw_extra, &slot->worker_number, sizeof(slot->worker_number));
    snprintf(worker.bgw_name, sizeof(worker.bgw_name), "pg_herald doorbell of database %u",
             MyDatabaseId);
    snprintf(worker.bgw_type, sizeof(worker.bgw_type), "pg_herald doorbell");
    snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "pg_herald");
    snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "herald_doorbell_main");
    slot->worker = RegisterDynamicBackgroundWorker(&worker, NULL);
}

static bool
has_worker(struct slot *slot, int64 now_us)
{
    return slot->worker && (pg_atomic_read_u32(&slot->proc_number) != 0 ||
                            now_us - slot->worker_us < START_S * INT64CONST(1000000));
}

/* Slot of this database with a worker, NULL when there is no room for one of them. */
static struct slot *
ensure_worker(void)
{
    int64 now_us = herald_monotonic_us();
    struct slot *slot;
    bool runs;

    LWLockAcquire(bell.shared->lock, LW_EXCLUSIVE);
    slot = find_slot(MyDatabaseId);
    if (slot == NULL && (slot = find_free_slot()) != NULL)
    {
        pg_atomic_write_u32(&slot->armed, 0);
        pg_atomic_write_u32(&slot->rung, 0);
        pg_atomic_write_u32(&slot->sessions, 0);
        pg_atomic_write_u32(&slot->database, MyDatabaseId);
        pg_write_barrier();
        pg_atomic_fetch_add_u32(&bell.shared->generation, 1);
    }
    if (slot != NULL)
    {
        pg_atomic_write_u64(&slot->used_us, (uint64) now_us);
        if (!has_worker(slot, now_us))
            start_worker(slot);
    }
    runs = slot != NULL && slot->worker;
    LWLockRelease(bell.shared->lock);
    return runs ? slot : NULL;
}

Datum
herald_doorbell_arm(PG_FUNCTION_ARGS)
{
    struct slot *slot = bell.shared == NULL ? NULL : ensure_worker();

    (void) fcinfo;
    if (slot == NULL)
        PG_RETURN_TEXT_P(cstring_to_text("poll"));

    bell.slot = slot;
    if (!bell.counted)
    {
        pg_atomic_fetch_add_u32(&slot->sessions, 1);
        before_shmem_exit(session_ends, (Datum) 0);
        bell.counted = true;
    }
    pg_atomic_exchange_u32(&slot->armed, 1);
    pg_memory_barrier();
    PG_RETURN_TEXT_P(cstring_to_text("doorbell"));
}

/* Under the lock: this worker, unless another one has replaced it, is no more. */
static void
resign(struct slot *slot)
{
    if (slot->worker_number != bell.worker_number)
        return;
    pg_atomic_write_u32(&slot->proc_number, 0);
    slot->worker = false;
}

static void
worker_ends(int code, Datum arg)
{
    (void) code;
    LWLockAcquire(bell.shared->lock, LW_EXCLUSIVE);
    resign((struct slot *) DatumGetPointer(arg));
    LWLockRelease(bell.shared->lock);
}

/* Milliseconds to sleep, -1: until woken, 0: nobody needs this worker. */
static long
worker_rest_ms(struct slot *slot)
{
    int64 idle_us;

    if (pg_atomic_read_u32(&slot->sessions) == 0)
        return 0;
    if (pg_atomic_read_u32(&slot->armed) != 0 || pg_atomic_read_u32(&slot->rung) != 0)
        return -1;
    idle_us = herald_monotonic_us() - (int64) pg_atomic_read_u64(&slot->used_us);
    return (long) Max(IDLE_S * INT64CONST(1000) - idle_us / 1000, 0);
}

/* Leaving is decided under the lock, so that whoever arms afterwards starts another worker. */
static bool
leave(struct slot *slot)
{
    bool leaves;

    LWLockAcquire(bell.shared->lock, LW_EXCLUSIVE);
    leaves = worker_rest_ms(slot) == 0;
    if (leaves)
        resign(slot);
    LWLockRelease(bell.shared->lock);
    return leaves;
}

/* With a gap, or a dispatcher that finds nothing for itself would cost busy senders their time. */
static void
notify_listeners(struct slot *slot)
{
    static int64 last_us;
    int64 rest_us = last_us + GAP_US - herald_monotonic_us();

    if (rest_us > 0)
        pg_usleep((long) rest_us);
    last_us = herald_monotonic_us();
    pg_atomic_write_u64(&slot->used_us, (uint64) herald_monotonic_us());
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    Async_Notify(CHANNEL, NULL);
    CommitTransactionCommand();
    pgstat_report_stat(true);
}

static void
serve(struct slot *slot)
{
    for (;;)
    {
        long rest_ms;

        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if (pg_atomic_exchange_u32(&slot->rung, 0) != 0)
            notify_listeners(slot);

        rest_ms = worker_rest_ms(slot);
        if (rest_ms == 0 && leave(slot))
            return;
        (void) WaitLatch(MyLatch,
                         WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (rest_ms >= 0 ? WL_TIMEOUT : 0),
                         rest_ms, PG_WAIT_EXTENSION);
    }
}

void
herald_doorbell_main(Datum slot_number)
{
    struct slot *slot = &bell.shared->slots[DatumGetInt32(slot_number)];

    memcpy(&bell.worker_number, MyBgworkerEntry->bgw_extra, sizeof(bell.worker_number));
    before_shmem_exit(worker_ends, PointerGetDatum(slot));
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(pg_atomic_read_u32(&slot->database), InvalidOid, 0);

    /* A NOTIFY is no data: nothing is lost if it does not reach the disk. */
    SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_OVERRIDE);
    pgstat_report_appname("pg_herald doorbell");
    pgstat_report_activity(STATE_IDLE, NULL);
    pg_atomic_write_u32(&slot->proc_number, (uint32) compat_proc_number() + 1);
    pg_memory_barrier();
    serve(slot);
}
