/*
 * Stands in for netsh, which under Wine shows nothing, as this one does without a variable NETSH. That names a folder:
 * then it answers as one in German does, and writes down each question there, in a file called `asked`. NETSH_HANGS has
 * it answer never.
 */
#include <windows.h>
#include <stdio.h>
#include <string.h>

static void answer(const char *question)
{
    const char *protocol = strstr(question, "udp") ? "udp" : "tcp";
    if (strstr(question, "dynamicport"))
        printf("\r\nProtokoll %s Dynamischer Portbereich\r\n---------------------------------\r\n"
               "Startport       : 20000\r\nAnzahl von Ports : 1000\r\n\r\n", protocol);
    else
        printf("\r\nPortausschlussbereiche f\x81r das Protokoll \"%s\"\r\n\r\nStartport   Endport\r\n"
               "----------    --------\r\n     20000       20989     *\r\n\r\n* - Verwaltete Portausschl\x81sse.\r\n\r\n",
               protocol);
}

int main(int argc, char **argv)
{
    char path[512], line[512] = "";
    if (!getenv("NETSH"))
        return 0;
    snprintf(path, sizeof path, "%s\\asked", getenv("NETSH"));
    FILE *asked = fopen(path, "a"), *script;
    fprintf(asked, "netsh");
    for (int i = 1; i < argc; i++)
        fprintf(asked, " %s", strchr(argv[i], '\\') ? "SCRIPT" : argv[i]);
    fprintf(asked, "\n");
    fclose(asked);
    if (getenv("NETSH_HANGS"))
        Sleep(INFINITE);
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
