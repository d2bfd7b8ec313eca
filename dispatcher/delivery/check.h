/* Checks the configuration without taking part in delivery: no epoch, no claim. */
#ifndef DELIVERY_CHECK_H
#define DELIVERY_CHECK_H

/*
 * Connect, compare versions, read every account, resolve its secrets and check its settings; print
 * one line each. Returns the exit code: 0 when all of it can be used.
 */
int check_run(const char *conninfo);

#endif
