"""Reserves half the range, and stays; or asks for ports until there are none left."""
import ctypes, socket, sys

if sys.argv[1] == "reserve":
    assert ctypes.CDLL(None).portshim_reserve(20000, 20007, 15) == 0
    print("reserved", flush=True)
    sys.stdin.read()
else:
    held = []
    try:
        while True:
            held.append(socket.create_server(("127.0.0.1", 0)))
            print("port", held[-1].getsockname()[1])
    except OSError:
        pass
