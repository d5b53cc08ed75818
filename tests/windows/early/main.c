/* Looks for what its library made on the thread that it came up on; then binds a socket, and waits for its input. */
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <windows.h>
#include <stdio.h>
#include "early.h"

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int length = sizeof address;
    WSADATA data;
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("thread %s\n", early_thread == GetCurrentThreadId() ? "own" : "another");
    printf("slot %lu\n", (DWORD)(ULONG_PTR)TlsGetValue(early_slot));
    printf("window %s\n", GetWindowThreadProcessId(early_window, NULL) == GetCurrentThreadId() ? "own" : "none");
    if (GetEnvironmentVariableA("SPOIL", NULL, 0)) {
        getchar();
        return 0;
    }
    WSAStartup(MAKEWORD(2, 2), &data);
    SOCKET s = socket(AF_INET, SOCK_DGRAM, 0);
    bind(s, (struct sockaddr *)&address, sizeof address);
    getsockname(s, (struct sockaddr *)&address, &length);
    printf("bind port %d\n", ntohs(address.sin_port));
    return 0;
}
