/*
 * portshim.h: reserving and blocking ports from inside a program.
 *
 * A program that runs under portshim can ask it for two things, for itself and for every other program of
 * its session, from the very next bind on:
 *
 *   reserve   never hand these ports out; a bind to one of them by its number still succeeds
 *   block     let nobody else bind these ports at all; this process itself may bind inside its block
 *
 * What a process entered goes when it lifts it, and when it ends, however it ends. A child that it forks
 * owns nothing.
 *
 * Every function is declared weak, so one binary works with and without portshim: without it, the functions
 * are null. Link nothing; ask portshim_loaded() before the first call.
 *
 *     #include <portshim.h>
 *
 *     if (portshim_loaded() && portshim_reserve(8080, 8090, PORTSHIM_TCP) < 0)
 *         perror("portshim_reserve");
 *
 * Ports are 1 to 65535, in the machine's own byte order; scopes are PORTSHIM_TCP and so on, joined with |.
 * A range names both its ends. On failure a function returns -1 and sets errno:
 *
 *   EINVAL      a port is 0 or above 65535, the range is reversed, or the scopes are none
 *   ENOTCONN    the library is loaded, but switched off (PORTSHIM_DISABLE) or without a policy
 *   ERANGE      the policy's port model does not allow this for these ports; portshim_rule() tells why
 *   EADDRINUSE  a socket of some process is bound inside (blocking, and reserving under windows-vista)
 *   EEXIST      the ports meet another entry, under a model that keeps them apart (windows-vista)
 *   ENOSPC      the session holds 1024 entries already
 *   ENOENT      this process has no such entry to lift
 *   EBUSY       another process has been writing for a second
 *   EOPNOTSUPP  the kernel does not tell which ports are in use (it has no sock_diag)
 *
 * The functions may be called from any thread, but not from a signal handler. They are for Linux.
 */
#ifndef PORTSHIM_H
#define PORTSHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PORTSHIM_WEAK __attribute__((weak))

/* The version of this header. A library answers to it if portshim_version() is not less. */
#define PORTSHIM_VERSION 1

/* Scopes: transport and address family. */
#define PORTSHIM_TCP4 1u
#define PORTSHIM_TCP6 2u
#define PORTSHIM_UDP4 4u
#define PORTSHIM_UDP6 8u
#define PORTSHIM_TCP (PORTSHIM_TCP4 | PORTSHIM_TCP6)
#define PORTSHIM_UDP (PORTSHIM_UDP4 | PORTSHIM_UDP6)
#define PORTSHIM_ALL (PORTSHIM_TCP | PORTSHIM_UDP)

/* What portshim_rule() is asked about. */
#define PORTSHIM_RESERVE 0
#define PORTSHIM_BLOCK 1

/* The version of the library: 1. */
int portshim_version(void) PORTSHIM_WEAK;

/*
 * Reserves a range. Several processes may reserve the same one, and one process may do so several times: each
 * time is an entry of its own. Returns 0.
 */
int portshim_reserve(unsigned first, unsigned last, unsigned scopes) PORTSHIM_WEAK;

/*
 * Lifts the first of this process's reservations that holds all of these ports, and lifts it whole. Asked for
 * PORTSHIM_ALL, it takes one for any scope. Returns 0.
 */
int portshim_unreserve(unsigned first, unsigned last, unsigned scopes) PORTSHIM_WEAK;

/*
 * Blocks a range, in which no socket of any process may be bound. Returns the last port, which is the handle
 * that Windows gives. To lift the block, name the first port.
 */
int portshim_block(unsigned first, unsigned last, unsigned scopes) PORTSHIM_WEAK;

/*
 * Lifts the first of this process's blocks that begins with this port. Asked for PORTSHIM_ALL, it takes one
 * for any scope. Returns 0.
 */
int portshim_unblock(unsigned first, unsigned scopes) PORTSHIM_WEAK;

/*
 * Writes the rule of the policy's port model about reserving or blocking, with a NUL, cut off where the buffer
 * ends. Returns its whole length without the NUL, as snprintf(3) does.
 */
int portshim_rule(int act, char *buffer, size_t size) PORTSHIM_WEAK;

/* Whether this program runs with the library of portshim loaded. */
static inline int portshim_loaded(void)
{
    return portshim_version != 0 && portshim_version() >= PORTSHIM_VERSION;
}

#ifdef __cplusplus
}
#endif

#endif
