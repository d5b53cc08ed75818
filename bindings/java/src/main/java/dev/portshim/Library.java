package dev.portshim;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** The preloaded library, which has these functions for the virtual machine to call. */
final class Library {
    static final String NOT_LOADED =
        "this program does not run under portshim; start it by `portshim run`, such as `portshim run -- mvn test`";
    /** The version of portshim.h that these functions belong to. */
    private static final int VERSION = 2;
    private static final boolean LOADED = load();

    private Library() {}

    static boolean isLoaded() {
        return LOADED;
    }

    /** The library is in this process already, or it is not: nothing is loaded that was not there. */
    private static boolean load() {
        Optional<String> path;
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            path = maps.map(line -> line.replaceFirst("^(\\S+ +){5}", ""))
                .filter(name -> name.matches("/.*/libportshim[^/]*\\.so")).findFirst();
        } catch (IOException | RuntimeException e) {
            return false;
        }
        try {
            path.ifPresent(System::load);
            return path.isPresent() && version() >= VERSION;
        } catch (UnsatisfiedLinkError e) {
            return false;
        }
    }

    static int told(int answer) {
        if (answer < 0) {
            throw PortshimException.of(-answer);
        }
        return answer;
    }

    static native int version();

    static native int exhaust(int scopes, int leave, int whom);

    static native int only(int[] ranges, int count, int scopes, int whom);

    static native int restrict(int act, int first, int last, int scopes, int whom);

    static native int release(int handle);
}
