/* What the parts of the probe share. */
#ifndef PROBE_H
#define PROBE_H

#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0A00
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a verb is asked: its words, and the socket to do it to. */
struct ask {
    SOCKET s;
    int family, type;
    char words[6][512];
    int count;
    struct sockaddr_storage to; /* what words 0 and 1 say, for calls that take an address */
    int length;
};

/* Does something, and returns 0, or -1 where the error is WSAGetLastError()'s. */
typedef int act(struct ask *);

/* A word as a number; 0 where there is none. */
int number(const struct ask *a, int word);

/* The port that a socket is bound to; 0 where it is not. */
int port_of(SOCKET s);

struct call {
    const char *name;
    act *act;
    BOOL addressed; /* words 0 and 1 are a host's number and a port */
};

/* The call of this name; null where there is none. */
const struct call *call_named(const char *name);

/* Makes an address of the words, where the call takes one. */
void prepare(const struct call *call, struct ask *a);

/* What is asked of the system as a whole, not of a socket. Returns whether there is such a verb. */
BOOL asked_of_system(const char *verb, const struct ask *a, const wchar_t *rest);

/* What is asked of portshim's library. */
void asked_of_library(const struct ask *a);

#endif
