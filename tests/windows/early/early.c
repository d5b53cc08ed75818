/*
 * A library that a program is linked with, and what it does before that program's first instruction. Its
 * environment may ask for more:
 *
 *   EARLY=exit      end the process, as if all were well
 *   SPOIL=NAME,…    make functions of Winsock such that nobody can hook them
 */
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARLY __declspec(dllexport)
#include "early.h"

DWORD early_thread, early_slot;
HWND early_window;

/* A function that returns at once: there is no room for a jump, and behind it stands what is no padding. */
static void spoil(const char *name)
{
    static const unsigned char nothing[] = {0xc3, 0x48, 0x31, 0xc0, 0xc3, 0x48, 0x31, 0xc0, 0xc3};
    void *at = (void *)GetProcAddress(GetModuleHandleA("ws2_32.dll"), name);
    DWORD before;
    if (at && VirtualProtect(at, sizeof nothing, PAGE_EXECUTE_READWRITE, &before)) {
        memcpy(at, nothing, sizeof nothing);
        VirtualProtect(at, sizeof nothing, before, &before);
    }
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved)
{
    char text[512], name[64];
    (void)module, (void)reserved;
    if (reason != DLL_PROCESS_ATTACH)
        return TRUE;
    if (GetEnvironmentVariableA("EARLY", text, sizeof text) && !strcmp(text, "exit"))
        ExitProcess(0);
    if (GetEnvironmentVariableA("SPOIL", text, sizeof text)) {
        for (char *word = strtok(text, ","); word; word = strtok(NULL, ","))
            spoil(word);
    }
    /* What belongs to the thread that it was made on. */
    early_thread = GetCurrentThreadId();
    early_slot = TlsAlloc();
    TlsSetValue(early_slot, (void *)4711);
    early_window = CreateWindowExA(0, "STATIC", "early", 0, 0, 0, 0, 0, HWND_MESSAGE, NULL, NULL, NULL);
    /* Others see that it has run. */
    snprintf(name, sizeof name, "early-%lu", GetCurrentProcessId());
    CreateEventA(NULL, TRUE, FALSE, name);
    return TRUE;
}
