"""A filter as container runtimes lay it by default (Docker's profiles/seccomp/default.json), as far as it concerns a
supervisor, for a process without CAP_SYS_ADMIN. Arguments: `ptrace` where it has CAP_SYS_PTRACE or `none`, then a
command, which is executed under the filter."""
import errno
import os
import sys

import seccomp

has, *command = sys.argv[1:]
# What is not named there fails with EPERM. Of what is named, these are for who has the capability.
refused = ["unshare", "setns", "mount", "umount2", "bpf", "perf_event_open", "kcmp", "process_madvise", "chroot",
           "open_by_handle_at", "userfaultfd", "keyctl", "add_key", "request_key", "io_uring_setup",
           "io_uring_enter", "io_uring_register"]
if has != "ptrace":
    refused.append("pidfd_getfd")
filter = seccomp.SyscallFilter(seccomp.ALLOW)
for name in refused:
    filter.add_rule(seccomp.ERRNO(errno.EPERM), name)
filter.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
for flags in range(17, 31):
    # CLONE_NEWNS and the other namespaces' flags.
    if flags in (17, 25, 26, 27, 28, 29, 30):
        filter.add_rule(seccomp.ERRNO(errno.EPERM), "clone", seccomp.Arg(0, seccomp.MASKED_EQ, 1 << flags, 1 << flags))
filter.load()
os.execvp(command[0], command)
