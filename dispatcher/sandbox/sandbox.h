/* What all listeners of the sandbox share. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>

#include "core/loop.h"
#include "sandbox/double.h"
#include "sandbox/fault.h"
#include "sandbox/ledger.h"
#include "sandbox/sock.h"
#include "sandbox/tls.h"
#include "sandbox/witness.h"

struct sandbox
{
    struct loop *loop;
    struct sock_net *net;
    struct tls_server *https_tls;
    struct tls_server *smtp_tls;
    struct double_env env;
    struct ledger *ledger;
    struct fault_book *book;
    struct witness *witness; /* NULL: neither record nor plan */
    bool fast;               /* count and answer, no checks and no records */
    uint64_t conn_number;
    uint64_t fast_number;
};

/* Set env.now_us to the present and return it. */
int64_t sandbox_now(struct sandbox *sandbox);

int64_t sandbox_mono_us(void);

#endif
