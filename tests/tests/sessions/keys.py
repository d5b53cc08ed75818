"""Runs a command in a terminal of its own and presses keys: keys.py COLUMNS LINES KEYS... -- COMMAND...

Keys are words, pressed one after the other when the screen has come to rest. Prints all that was drawn.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios

columns, lines = int(sys.argv[1]), int(sys.argv[2])
split = sys.argv.index("--")
keys, command = sys.argv[3:split], sys.argv[split + 1:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
drawn = b""


def rest():
    """Takes in what is drawn until nothing more is for a while."""
    global drawn
    while select.select([terminal], [], [], 0.4)[0]:
        try:
            drawn += os.read(terminal, 1 << 16)
        except OSError:
            return


while b"quit" not in drawn:
    rest()
for key in keys:
    os.write(terminal, key.encode().decode("unicode_escape").encode())
    rest()
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(drawn)
sys.exit(os.waitstatus_to_exitcode(status))
