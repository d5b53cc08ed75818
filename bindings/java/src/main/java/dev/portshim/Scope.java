package dev.portshim;

/** Transport and address family of ports. */
public enum Scope {
    /** All of them. */
    ALL(15),
    /** TCP over IPv4 and IPv6. */
    TCP(3),
    /** UDP over IPv4 and IPv6. */
    UDP(12),
    /** TCP over IPv4. */
    TCP4(1),
    /** TCP over IPv6. */
    TCP6(2),
    /** UDP over IPv4. */
    UDP4(4),
    /** UDP over IPv6. */
    UDP6(8);

    private final int bits;

    Scope(int bits) {
        this.bits = bits;
    }

    static int bits(Scope... scopes) {
        int bits = 0;
        for (Scope scope : scopes) {
            bits |= scope.bits;
        }
        return bits == 0 ? ALL.bits : bits;
    }
}
