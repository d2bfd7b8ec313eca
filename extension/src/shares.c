/*
 * Shares: see shares.h.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "shares.h"

/*
 * Shares of the priorities that wait, most urgent first. Bulk moves on at a fifteenth of the rate
 * when all wait, a ninth when only urgent deliveries do, and takes all when nothing else waits.
 */
static const int weights[HERALD_PRIORITIES] = { 8, 4, 2, 1 };

static uint32
lanes_of(uint64 queues, int priority)
{
    const uint64 lanes = (UINT64CONST(1) << HERALD_OUTBOX_LANES) - 1;

    return (uint32) (queues >> (priority * HERALD_OUTBOX_LANES) & lanes);
}

/*
 * Smooth weighted round robin: with each row every priority comes closer to its turn by its
 * weight, and the one that is due most pays for the row. The most urgent one goes first.
 */
static void
divide_by_weight(int *due, uint64 waiting, int room, int *rooms)
{
    int total = 0;

    for (int priority = 0; priority < HERALD_PRIORITIES; priority++)
    {
        rooms[priority] = 0;
        if (lanes_of(waiting, priority) == 0)
            due[priority] = 0;
        else
            total += weights[priority];
    }
    for (int row = 0; row < room; row++)
    {
        int chosen = -1;

        for (int priority = 0; priority < HERALD_PRIORITIES; priority++)
        {
            if (lanes_of(waiting, priority) == 0)
                continue;
            due[priority] += weights[priority];
            if (chosen < 0 || due[priority] > due[chosen])
                chosen = priority;
        }
        due[chosen] -= total;
        rooms[chosen]++;
    }
}

static void
divide_equally(int *next, uint32 lanes, int room, int *quotas)
{
    int count = pg_popcount32(lanes);
    int odd = count > 0 ? room % count : 0;
    int first = *next;

    for (int i = 0; i < HERALD_OUTBOX_LANES; i++)
    {
        int lane = (first + i) % HERALD_OUTBOX_LANES;

        quotas[lane] = 0;
        if ((lanes >> lane & 1) == 0)
            continue;
        quotas[lane] = room / count;
        if (odd > 0)
        {
            quotas[lane]++;
            odd--;
            *next = (lane + 1) % HERALD_OUTBOX_LANES;
        }
    }
}

void
herald_shares_divide(struct herald_shares *shares, uint64 waiting, int room, int *quotas)
{
    int rooms[HERALD_PRIORITIES];

    Assert(waiting != 0);
    divide_by_weight(shares->due, waiting, room, rooms);
    for (int priority = 0; priority < HERALD_PRIORITIES; priority++)
        divide_equally(&shares->next[priority], lanes_of(waiting, priority), rooms[priority],
                       quotas + priority * HERALD_OUTBOX_LANES);
}
