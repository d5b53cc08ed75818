import ctypes, socket, struct

address = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", 0, b"\x7f\0\0\1")
for library in (ctypes.CDLL(None), ctypes.CDLL("libc.so.6"), ctypes.CDLL("libm.so.6")):
    with socket.socket() as s:
        assert library.bind(s.fileno(), address, len(address)) == 0
        print("port", s.getsockname()[1])
