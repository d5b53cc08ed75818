/* A name service that loads a library, and tells whether it could in a user's shell. Linked with libdl alone. */
#include <pwd.h>
#include <stddef.h>

void *dlopen(const char *name, int how);

int _nss_late_getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size, int *error)
{
    (void)buffer, (void)size, (void)error;
    user->pw_name = (char *)name;
    user->pw_passwd = "x";
    user->pw_uid = user->pw_gid = 1;
    user->pw_gecos = "";
    user->pw_dir = "/";
    user->pw_shell = dlopen("libm.so.6", 1) ? "opened" : "refused";
    return 1; /* NSS_STATUS_SUCCESS */
}
