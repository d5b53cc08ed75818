/* What the probe can be asked of the system as a whole: processes, handles, the console. */
#include "probe.h"

/* A line of text in UTF-8, whatever the console's own encoding is. */
static void say(const char *what, const wchar_t *text)
{
    char line[4096];
    WideCharToMultiByte(CP_UTF8, 0, text, -1, line, sizeof line, NULL, NULL);
    printf("%s %s\n", what, line);
}

/* Reads standard input up to the end of a line, or to its own end; says it back. */
static void wait_for_input(void)
{
    char line[512], c;
    DWORD got, length = 0;
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), &c, 1, &got, NULL) && got == 1 && c != '\n') {
        if (c != '\r' && length + 1 < sizeof line)
            line[length++] = c;
    }
    line[length] = 0;
    printf("read %s\n", line);
}

/* Waits for a child, and tells what it ended with. */
static void await(const PROCESS_INFORMATION *child)
{
    DWORD status;
    WaitForSingleObject(child->hProcess, INFINITE);
    GetExitCodeProcess(child->hProcess, &status);
    printf("spawn exit %lu\n", status);
    CloseHandle(child->hThread);
    CloseHandle(child->hProcess);
}

/* Starts a command line and waits for it. A caller may want its child suspended, and resume it itself. */
static void spawn(const wchar_t *command, DWORD flags, void *environment)
{
    wchar_t line[4096];
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    wcsncpy(line, command, 4095);
    line[4095] = 0;
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, flags, environment, NULL, &start, &child)) {
        printf("spawn error %lu\n", GetLastError());
        return;
    }
    if (flags & CREATE_SUSPENDED) {
        /* Whoever asked for a suspended child gets one, not one that has run already, be it its libraries alone. */
        wchar_t name[64];
        printf("suspended %s\n", WaitForSingleObject(child.hProcess, 300) == WAIT_TIMEOUT ? "yes" : "no");
        swprintf(name, 64, L"early-%lu", child.dwProcessId);
        printf("early %s\n", OpenEventW(SYNCHRONIZE, FALSE, name) ? "ran" : "not yet");
        printf("suspended times %lu\n", ResumeThread(child.hThread));
    }
    await(&child);
}

/* The same as a debugger does it, which lets its child go on after each event. */
static void spawn_debugged(const wchar_t *command)
{
    wchar_t line[4096];
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    DEBUG_EVENT event = {0};
    wcsncpy(line, command, 4095);
    line[4095] = 0;
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, DEBUG_ONLY_THIS_PROCESS, NULL, NULL, &start, &child)) {
        printf("spawn error %lu\n", GetLastError());
        return;
    }
    while (event.dwDebugEventCode != EXIT_PROCESS_DEBUG_EVENT && WaitForDebugEvent(&event, INFINITE))
        ContinueDebugEvent(event.dwProcessId, event.dwThreadId, DBG_CONTINUE);
    await(&child);
}

/* Starts a command line and does not wait for it. */
static void leave_behind(const wchar_t *command)
{
    wchar_t line[4096];
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    wcsncpy(line, command, 4095);
    line[4095] = 0;
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &child))
        printf("spawn error %lu\n", GetLastError());
}

/* The same as programs do it that know nothing of wide letters. */
static void spawn_narrow(const wchar_t *command)
{
    char line[4096];
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    WideCharToMultiByte(CP_ACP, 0, command, -1, line, sizeof line, NULL, NULL);
    if (CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &child))
        await(&child);
    else
        printf("spawn error %lu\n", GetLastError());
}

static volatile LONG interrupted;

static BOOL WINAPI on_control(DWORD event)
{
    printf("control %lu\n", event);
    InterlockedExchange(&interrupted, 1);
    return TRUE;
}

BOOL asked_of_system(const char *verb, const struct ask *a, const wchar_t *rest)
{
    wchar_t text[4096];
    if (!strcmp(verb, "say")) {
        say("say", rest);
    } else if (!strcmp(verb, "complain")) {
        fprintf(stderr, "complaint\n");
    } else if (!strcmp(verb, "wait")) {
        wait_for_input();
    } else if (!strcmp(verb, "sleep")) {
        Sleep((DWORD)number(a, 0));
    } else if (!strcmp(verb, "exit")) {
        ExitProcess((UINT)number(a, 0));
    } else if (!strcmp(verb, "crash")) {
        RaiseException(EXCEPTION_ACCESS_VIOLATION, EXCEPTION_NONCONTINUABLE, 0, NULL);
    } else if (!strcmp(verb, "pid")) {
        printf("pid %lu\n", GetCurrentProcessId());
    } else if (!strcmp(verb, "folder")) {
        GetCurrentDirectoryW(4096, text);
        say("folder", text);
    } else if (!strcmp(verb, "whole")) {
        say("whole", GetCommandLineW());
    } else if (!strcmp(verb, "env")) {
        say("env", GetEnvironmentVariableW(rest, text, 4096) ? text : L"");
    } else if (!strcmp(verb, "setenv")) {
        wchar_t name[512];
        MultiByteToWideChar(CP_UTF8, 0, a->words[0], -1, name, 512);
        MultiByteToWideChar(CP_UTF8, 0, a->words[1], -1, text, 4096);
        SetEnvironmentVariableW(name, *text ? text : NULL);
    } else if (!strcmp(verb, "spawn")) {
        spawn(rest, 0, NULL);
    } else if (!strcmp(verb, "spawn-suspended")) {
        spawn(rest, CREATE_SUSPENDED, NULL);
    } else if (!strcmp(verb, "spawn-debugged")) {
        spawn_debugged(rest);
    } else if (!strcmp(verb, "leave")) {
        leave_behind(rest);
    } else if (!strcmp(verb, "spawn-group")) {
        spawn(rest, CREATE_NEW_PROCESS_GROUP, NULL);
    } else if (!strcmp(verb, "spawn-bare")) {
        /* With an environment of the program's own making, once in each of the two forms. */
        spawn(rest, 0, "ONLY=this\0");
        spawn(rest, CREATE_UNICODE_ENVIRONMENT, L"ONLY=this\0");
    } else if (!strcmp(verb, "spawn-narrow")) {
        spawn_narrow(rest);
    } else if (!strcmp(verb, "system")) {
        printf("system exit %d\n", _wsystem(rest));
    } else if (!strcmp(verb, "control")) {
        /* Waits for Ctrl-C. */
        SetConsoleCtrlHandler(on_control, TRUE);
        printf("control awaited\n");
        while (!interrupted)
            Sleep(20);
    } else if (!strcmp(verb, "interrupt")) {
        /* Ctrl-C to all of this console's processes. */
        printf("interrupt %d\n", GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    } else {
        return FALSE;
    }
    return TRUE;
}
