/*
 * Stands in for .NET Framework's loader: a program of its kind has no machine code of its own, and the system's
 * loader has this library run it. This one binds a socket instead, tells its port, and ends with 7.
 */
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <windows.h>
#include <stdio.h>

__declspec(dllexport) __int32 __stdcall _CorExeMain(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int length = sizeof address;
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    SOCKET s = socket(AF_INET, SOCK_STREAM, 0);
    bind(s, (struct sockaddr *)&address, sizeof address);
    getsockname(s, (struct sockaddr *)&address, &length);
    printf("bind port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    ExitProcess(7);
}

__declspec(dllexport) LONG __stdcall _CorValidateImage(void **base, const wchar_t *name)
{
    (void)base, (void)name;
    return 0;
}
