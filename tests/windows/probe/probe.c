/*
 * Does what its arguments say, one after the other, and prints what it got: `WHAT port P`, or `WHAT error E`
 * with Winsock's number. Each argument is a verb, or verb=WORD,WORD…
 *
 *   tcp4 tcp6 udp4 udp6                 opens a socket, which is the current one from then on
 *   bind=HOST,PORT connect=HOST,PORT …  calls.c: one call with the current socket
 *   fill=COUNT,SOCKET,CALL,HOST,PORT    new sockets with one call each, until COUNT or the first error
 *   race=THREADS,COUNT,SOCKET,…         so many threads that fill at once
 *   wait exit=N spawn=COMMANDLINE …     process.c
 *   api=FUNCTION,…                      library.c
 *   leaving                             from now on, tell what a success leaves as the last error
 *   args ARG…                           say back all that follow
 *
 * All sockets stay open until the end.
 */
#include "probe.h"

/* A success leaves this where it was. */
#define UNTOUCHED 54321

/* Whether to tell what a success left as the last error. */
static BOOL leaving;

/* Opens the socket that a name stands for, `tcp4` say. */
static BOOL opened(struct ask *a, const char *name)
{
    a->type = !strncmp(name, "tcp", 3) ? SOCK_STREAM : SOCK_DGRAM;
    a->family = name[3] == '6' ? AF_INET6 : AF_INET;
    a->s = WSASocketW(a->family, a->type, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (a->s == INVALID_SOCKET)
        printf("socket error %d\n", WSAGetLastError());
    return a->s != INVALID_SOCKET;
}

static BOOL is_socket(const char *verb)
{
    return (!strncmp(verb, "tcp", 3) || !strncmp(verb, "udp", 3)) && (verb[3] == '4' || verb[3] == '6') && !verb[4];
}

/* Does one call and tells what came of it. Returns whether it succeeded. */
static BOOL told(const struct call *call, struct ask *a)
{
    prepare(call, a);
    WSASetLastError(UNTOUCHED);
    if (call->act(a)) {
        printf("%s error %d\n", call->name, WSAGetLastError());
        return FALSE;
    }
    int after = WSAGetLastError();
    printf("%s port %d\n", call->name, port_of(a->s));
    if (leaving)
        printf("%s leaves %d\n", call->name, after);
    return TRUE;
}

/* New sockets with one call each. */
static void fill(const struct ask *a)
{
    const struct call *call = call_named(a->words[2]);
    struct ask one = {.count = 2};
    strcpy(one.words[0], a->words[3]);
    strcpy(one.words[1], a->words[4]);
    for (int n = number(a, 0); n > 0; n--) {
        if (!opened(&one, a->words[1]) || !told(call, &one))
            return;
    }
}

static DWORD WINAPI filling(void *a)
{
    fill(a);
    return 0;
}

/* So many threads that fill at once: word 0 is how many, the others are as for `fill`. */
static void race(const struct ask *a)
{
    HANDLE threads[MAXIMUM_WAIT_OBJECTS];
    int many = min(number(a, 0), MAXIMUM_WAIT_OBJECTS);
    struct ask each = *a;
    memcpy(each.words[0], a->words[1], sizeof a->words - sizeof a->words[0]);
    for (int i = 0; i < many; i++)
        threads[i] = CreateThread(NULL, 0, filling, &each, 0, NULL);
    WaitForMultipleObjects((DWORD)many, threads, TRUE, INFINITE);
}

/* Cuts an argument into its verb and its words; what follows `=` as a whole stays in the argument. */
static void parse(const wchar_t *argument, char *verb, size_t size, struct ask *a)
{
    char text[sizeof a->words];
    WideCharToMultiByte(CP_UTF8, 0, argument, -1, text, sizeof text, NULL, NULL);
    char *words = strchr(text, '=');
    if (words)
        *words++ = 0;
    snprintf(verb, size, "%s", text);
    memset(a->words, 0, sizeof a->words);
    a->count = 0;
    while (words && a->count < (int)(sizeof a->words / sizeof *a->words)) {
        char *end = strchr(words, ',');
        if (end)
            *end++ = 0;
        snprintf(a->words[a->count++], sizeof *a->words, "%s", words);
        words = end;
    }
}

int wmain(int argc, wchar_t **argv)
{
    static struct ask now = {.s = INVALID_SOCKET};
    char verb[64];
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data))
        return 98;
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 1; i < argc; i++) {
        const wchar_t *rest = wcschr(argv[i], L'=');
        parse(argv[i], verb, sizeof verb, &now);
        if (!strcmp(verb, "args")) {
            for (i++; i < argc; i++)
                asked_of_system("say", &now, argv[i]);
        } else if (is_socket(verb)) {
            opened(&now, verb);
        } else if (!strcmp(verb, "fill")) {
            fill(&now);
        } else if (!strcmp(verb, "race")) {
            race(&now);
        } else if (!strcmp(verb, "leaving")) {
            leaving = TRUE;
        } else if (!strcmp(verb, "api")) {
            asked_of_library(&now);
        } else if (call_named(verb)) {
            told(call_named(verb), &now);
        } else if (!asked_of_system(verb, &now, rest ? rest + 1 : L"")) {
            fprintf(stderr, "probe: no verb `%s`\n", verb);
            return 99;
        }
    }
    return 0;
}
