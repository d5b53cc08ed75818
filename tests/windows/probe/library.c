/* What the probe can be asked of portshim's library, by the header that programs use. */
#include "probe.h"
#include <portshim.h>

void asked_of_library(const struct ask *a)
{
    const char *which = a->words[0];
    unsigned first = (unsigned)number(a, 1), last = (unsigned)number(a, 2), scopes = (unsigned)number(a, 3);
    char rule[512] = "";
    int result;
    errno = 0;
    if (!strcmp(which, "version"))
        result = portshim_version();
    else if (!strcmp(which, "reserve"))
        result = portshim_reserve(first, last, scopes);
    else if (!strcmp(which, "unreserve"))
        result = portshim_unreserve(first, last, scopes);
    else if (!strcmp(which, "block"))
        result = portshim_block(first, last, scopes);
    else if (!strcmp(which, "unblock"))
        result = portshim_unblock(first, last);
    else
        result = portshim_rule((int)first, rule, sizeof rule);
    printf("api %s %d", which, result);
    if (result < 0)
        printf(" errno %s", errno == ENOSYS ? "ENOSYS" : errno == EADDRINUSE ? "EADDRINUSE" : errno == ERANGE ? "ERANGE"
            : errno == EINVAL ? "EINVAL" : errno == ENOENT ? "ENOENT" : errno == ENOTCONN ? "ENOTCONN" : "another");
    printf("%s%s\n", *rule ? " " : "", rule);
}
