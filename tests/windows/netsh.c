/*
 * Stands in for netsh, which under Wine shows nothing. This one tells of a Windows as it comes. With a variable NETSH,
 * which names a folder, it answers as one in German does, of ranges that differ by scope, and writes down each question
 * there, in a file called `asked`. NETSH_SAYS=never has it answer never, NETSH_SAYS=nothing has it say nothing.
 */
#include <windows.h>
#include <stdio.h>
#include <string.h>

static void answer(const char *question)
{
    const char *protocol = strstr(question, "udp") ? "udp" : "tcp";
    BOOL range = strstr(question, "dynamicport") != NULL;
    if (!getenv("NETSH")) {
        if (range)
            printf("\r\nProtocol %s Dynamic Port Range\r\n---------------------------------\r\n"
                   "Start Port      : 49152\r\nNumber of Ports : 16384\r\n\r\n", protocol);
        else
            printf("\r\nProtocol %s Port Exclusion Ranges\r\n\r\nStart Port    End Port\r\n"
                   "----------    --------\r\n\r\n* - Administered port exclusions.\r\n\r\n", protocol);
        return;
    }
    int first = 20000 + (*protocol == 'u' ? 2000 : 0) + (strstr(question, "ipv6") ? 4000 : 0);
    if (range)
        printf("\r\nProtokoll %s Dynamischer Portbereich\r\n---------------------------------\r\n"
               "Startport       : %d\r\nAnzahl von Ports : 1000\r\n\r\n", protocol, first);
    else
        printf("\r\nPortausschlussbereiche f\x81r das Protokoll \"%s\"\r\n\r\nStartport   Endport\r\n"
               "----------    --------\r\n     %d       %d     *\r\n\r\n* - Verwaltete Portausschl\x81sse.\r\n\r\n",
               protocol, first, first + 989);
}

int main(int argc, char **argv)
{
    char path[512], line[512] = "";
    const char *folder = getenv("NETSH"), *says = getenv("NETSH_SAYS");
    FILE *asked, *script;
    if (folder) {
        snprintf(path, sizeof path, "%s\\asked", folder);
        asked = fopen(path, "a");
        fprintf(asked, "netsh");
        for (int i = 1; i < argc; i++)
            fprintf(asked, " %s", strchr(argv[i], '\\') ? "SCRIPT" : argv[i]);
        fprintf(asked, "\n");
        fclose(asked);
    }
    if (says && !strcmp(says, "never"))
        Sleep(INFINITE);
    if (says && !strcmp(says, "nothing"))
        return 0;
    if (argc > 2 && !strcmp(argv[1], "-f")) {
        script = fopen(argv[2], "r");
        while (script && fgets(line, sizeof line, script))
            answer(line);
    } else {
        for (int i = 1; i < argc; i++)
            snprintf(line + strlen(line), sizeof line - strlen(line), "%s ", argv[i]);
        answer(line);
    }
    return 0;
}
