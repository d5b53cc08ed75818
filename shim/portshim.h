/*
 * portshim.h: reserving and blocking ports from inside a program, and running out of them in a test.
 *
 * A program that runs under portshim can ask it for two things, for itself and for every other program of
 * its session, from the very next bind on:
 *
 *   reserve   never hand these ports out; a bind to one of them by its number still succeeds
 *   block     let nobody else bind these ports at all; this process itself may bind inside its block
 *
 * A test can ask for more: to be out of ports, as on a host whose ports are all in use, until that is released
 * (portshim_exhaust() and those below it).
 *
 * What a process entered goes when it lifts it, and when it ends, however it ends; in a session of `portshim run`
 * it stays when the process executes another program. A child that it forks owns nothing. Where PORTSHIM_POLICY
 * alone loads the library (`portshim env`), what is entered holds for this program and the children that it forks.
 *
 * One binary works with and without portshim: each function looks the library's own up, in whatever way the
 * program was linked. Without the library it fails with ENOSYS. There is nothing to link with, but for dlsym on
 * Linux, which C libraries of before 2021 keep in libdl (-ldl).
 *
 *     #include <portshim.h>
 *
 *     if (portshim_loaded() && portshim_reserve(8080, 8090, PORTSHIM_TCP) < 0)
 *         perror("portshim_reserve");
 *
 * Ports are 1 to 65535, in the machine's own byte order; scopes are PORTSHIM_TCP and so on, joined with |.
 * A range names both its ends. On failure a function returns -1 and sets errno:
 *
 *   ENOSYS      the library is not loaded
 *   ENOTCONN    the library is loaded, but switched off (PORTSHIM_DISABLE) or without a policy
 *   EINVAL      a port is 0 or above 65535, the range is reversed, the scopes are none, there is no such act, more
 *               is to be left or named than can be, or nobody is meant
 *   ERANGE      the policy's port model does not allow this for these ports; portshim_rule() tells why; or the
 *               policy hands out none of the only ports
 *   EADDRINUSE  a socket of some process is bound inside (blocking, and reserving under windows-vista)
 *   EEXIST      the ports meet another entry, or what the policy itself keeps back, under a model that keeps
 *               them apart (windows-vista)
 *   ENOSPC      the session holds 1024 entries already
 *   ENOENT      this process has no such entry to lift
 *   EBUSY       another process has been writing for a second
 *   ENOMEM      there is no memory left for the session's first entry, or to ask which ports are in use
 *   EMFILE      (or ENFILE) asking which ports are in use takes a descriptor, and there is none left
 *   EOPNOTSUPP  the system does not tell which ports are in use (Linux without sock_diag)
 *
 * The functions may be called from any thread, but not from a signal handler. On Linux the library is
 * libportshim.so, on Windows portshim.dll under whatever name.
 */
#ifndef PORTSHIM_H
#define PORTSHIM_H

#include <errno.h>
#include <stddef.h>

#ifdef _WIN32
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN /* or it brings winsock.h, which winsock2.h cannot follow */
#define PORTSHIM_LEAN
#endif
#include <windows.h>
#ifdef PORTSHIM_LEAN
#undef PORTSHIM_LEAN
#undef WIN32_LEAN_AND_MEAN
#endif
#else
#include <dlfcn.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. A library answers to it if portshim_version() is not less. */
#define PORTSHIM_VERSION 2

/* Scopes: transport and address family. */
#define PORTSHIM_TCP4 1u
#define PORTSHIM_TCP6 2u
#define PORTSHIM_UDP4 4u
#define PORTSHIM_UDP6 8u
#define PORTSHIM_TCP (PORTSHIM_TCP4 | PORTSHIM_TCP6)
#define PORTSHIM_UDP (PORTSHIM_UDP4 | PORTSHIM_UDP6)
#define PORTSHIM_ALL (PORTSHIM_TCP | PORTSHIM_UDP)

/* What portshim_rule() is asked about, and portshim_restrict() is for. */
#define PORTSHIM_RESERVE 0
#define PORTSHIM_BLOCK 1

/* For whom a test is out of ports: every program of the session; or this process and those that descend from it. */
#define PORTSHIM_SESSION 0
#define PORTSHIM_PROCESS 1

#ifdef _WIN32

/*
 * The library's function of this name, null where it is not loaded. Its file has a name of its own for each
 * version, so that it is looked for by what it exports.
 */
static __inline void *portshim_find(const char *name)
{
    union { FARPROC function; BOOL (WINAPI *list)(HANDLE, HMODULE *, DWORD, DWORD *); void *found; } any;
    HMODULE modules[1024];
    DWORD bytes = 0, n;
    any.function = GetProcAddress(GetModuleHandleA("kernel32.dll"), "K32EnumProcessModules");
    if (any.found && any.list(GetCurrentProcess(), modules, sizeof(modules), &bytes)) {
        if (bytes > sizeof(modules))
            bytes = sizeof(modules);
        for (n = 0; n < bytes / sizeof(modules[0]); n++) {
            any.function = GetProcAddress(modules[n], name);
            if (any.found)
                return any.found;
        }
    }
    errno = ENOSYS;
    return NULL;
}

/* What a function returns. The library cannot reach this program's errno: it leaves its number as the last error. */
static __inline int portshim_told(int result)
{
    if (result < 0)
        errno = (int)GetLastError();
    return result;
}

#else

/*
 * The library's function of this name, null where it is not loaded. It is looked up rather than declared weak,
 * because what becomes of an undefined weak function is up to compiler and linker: some make it null for good.
 */
static __inline void *portshim_find(const char *name)
{
    void *found = dlsym((void *)0, name); /* RTLD_DEFAULT, which only _GNU_SOURCE defines */
    if (!found)
        errno = ENOSYS;
    return found;
}

/* What a function returns; the library has set errno. */
static __inline int portshim_told(int result)
{
    return result;
}

#endif

/* The version of the library: 2. */
static __inline int portshim_version(void)
{
    union { void *found; int (*call)(void); } library;
    library.found = portshim_find("portshim_version");
    return library.found ? portshim_told(library.call()) : -1;
}

/* Whether this program runs with the library of portshim loaded, and of this version at least. */
static __inline int portshim_loaded(void)
{
    return portshim_version() >= PORTSHIM_VERSION;
}

/*
 * Reserves a range. Several processes may reserve the same one, and one process may do so several times: each
 * time is an entry of its own. Returns 0.
 */
static __inline int portshim_reserve(unsigned first, unsigned last, unsigned scopes)
{
    union { void *found; int (*call)(unsigned, unsigned, unsigned); } library;
    library.found = portshim_find("portshim_reserve");
    return library.found ? portshim_told(library.call(first, last, scopes)) : -1;
}

/*
 * Lifts the first of this process's reservations that holds all of these ports, and lifts it whole. Asked for
 * PORTSHIM_ALL, it takes one for any scope. Returns 0.
 */
static __inline int portshim_unreserve(unsigned first, unsigned last, unsigned scopes)
{
    union { void *found; int (*call)(unsigned, unsigned, unsigned); } library;
    library.found = portshim_find("portshim_unreserve");
    return library.found ? portshim_told(library.call(first, last, scopes)) : -1;
}

/*
 * Blocks a range, in which no socket of any process may be bound. Returns the last port, which is the handle
 * that Windows gives. To lift the block, name the first port.
 */
static __inline int portshim_block(unsigned first, unsigned last, unsigned scopes)
{
    union { void *found; int (*call)(unsigned, unsigned, unsigned); } library;
    library.found = portshim_find("portshim_block");
    return library.found ? portshim_told(library.call(first, last, scopes)) : -1;
}

/*
 * Lifts the first of this process's blocks that begins with this port. Asked for PORTSHIM_ALL, it takes one
 * for any scope. Returns 0.
 */
static __inline int portshim_unblock(unsigned first, unsigned scopes)
{
    union { void *found; int (*call)(unsigned, unsigned); } library;
    library.found = portshim_find("portshim_unblock");
    return library.found ? portshim_told(library.call(first, scopes)) : -1;
}

/*
 * Writes the rule of the policy's port model about reserving or blocking, with a NUL, cut off where the buffer
 * ends. Returns its whole length without the NUL, as snprintf(3) does.
 */
static __inline int portshim_rule(int act, char *buffer, size_t size)
{
    union { void *found; int (*call)(int, char *, size_t); } library;
    library.found = portshim_find("portshim_rule");
    return library.found ? portshim_told(library.call(act, buffer, size)) : -1;
}

/*
 * Lets every wildcard bind in these scopes fail as on a host whose ports are all in use, but leaves so many ports
 * of each scope: the lowest that nobody uses, 128 at most. Binds to a port by its number go on. `whom` is
 * PORTSHIM_SESSION or PORTSHIM_PROCESS. Returns a handle, more than 0.
 */
static __inline int portshim_exhaust(unsigned scopes, unsigned leave, int whom)
{
    union { void *found; int (*call)(unsigned, unsigned, int); } library;
    library.found = portshim_find("portshim_exhaust");
    return library.found ? portshim_told(library.call(scopes, leave, whom)) : -1;
}

/*
 * Leaves wildcard binds in these scopes no port but those of `count` ranges, 128 at most: `ranges` holds the first
 * and the last port of each. It takes from what the policy hands out, and adds nothing: where that is none of them,
 * in one of the scopes, it is ERANGE. Name ports of the policy's range, or run the program with another --range.
 * Returns a handle, more than 0.
 */
static __inline int portshim_only(const unsigned *ranges, size_t count, unsigned scopes, int whom)
{
    union { void *found; int (*call)(const unsigned *, size_t, unsigned, int); } library;
    library.found = portshim_find("portshim_only");
    return library.found ? portshim_told(library.call(ranges, count, scopes, whom)) : -1;
}

/*
 * Reserves or blocks a range, as `act` says, until portshim_release(). For PORTSHIM_PROCESS a block keeps this
 * process itself out as well. Returns a handle, more than 0.
 */
static __inline int portshim_restrict(int act, unsigned first, unsigned last, unsigned scopes, int whom)
{
    union { void *found; int (*call)(int, unsigned, unsigned, unsigned, int); } library;
    library.found = portshim_find("portshim_restrict");
    return library.found ? portshim_told(library.call(act, first, last, scopes, whom)) : -1;
}

/*
 * Undoes what one of the three functions above did, by its handle; 0 stands for every portshim_exhaust() and
 * portshim_only() of this process. Returns 0.
 */
static __inline int portshim_release(int handle)
{
    union { void *found; int (*call)(int); } library;
    library.found = portshim_find("portshim_release");
    return library.found ? portshim_told(library.call(handle)) : -1;
}

#ifdef __cplusplus
}
#endif

#endif
