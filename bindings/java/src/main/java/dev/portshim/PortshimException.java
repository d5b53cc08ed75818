package dev.portshim;

/** Something that portshim refused, or that the program does not run under it. */
public class PortshimException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    PortshimException(String message) {
        super(message);
    }

    static PortshimException of(int error) {
        return new PortshimException(switch (error) {
            case 12 -> "there is no memory left for the session's first entry";
            case 16 -> "another process has been changing the session for a second";
            case 17 -> "the ports meet others that are kept back";
            case 22 -> "there are no such ports, or not so many";
            case 28 -> "the session holds as many entries as it can";
            case 34 -> "the policy hands out none of these ports (name some of its range, or run with another "
                + "--range), or its model does not let them be kept back";
            case 98 -> "a socket is bound to one of these ports";
            case 107 -> "portshim is switched off (PORTSHIM_DISABLE), or has no policy";
            default -> "error " + error;
        });
    }
}
