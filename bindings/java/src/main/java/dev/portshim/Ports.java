package dev.portshim;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.function.IntSupplier;

/**
 * Ports under a policy, from inside a program that runs under portshim, for its tests above all.
 *
 * <p>What is asked for holds for this process and those that descend from it, all threads included,
 * until it is closed. Each method throws a {@link PortshimException} where the program does not run
 * under portshim.
 */
public final class Ports {
    private static final int PROCESS = 1;
    private static final int RESERVE = 0;
    private static final int BLOCK = 1;

    private Ports() {}

    /** Tells whether this program runs under portshim. */
    public static boolean loaded() {
        return Library.isLoaded();
    }

    /** Leaves no port to whoever asks for any, in these scopes; in all where none is named. */
    public static Held exhausted(Scope... scopes) {
        return exhausted(0, scopes);
    }

    /** The same, but leaves so many ports of each scope, 128 at most: the lowest that nobody uses. */
    public static Held exhausted(int leave, Scope... scopes) {
        return hold(List.of(() -> Library.exhaust(Scope.bits(scopes), leave, PROCESS)));
    }

    /**
     * Leaves these ports alone, such as {@code "20000-20003,20010"}, as far as the policy hands them
     * out.
     */
    public static Held only(String ports, Scope... scopes) {
        List<int[]> ranges = ranges(ports);
        int[] flat = ranges.stream().flatMapToInt(Arrays::stream).toArray();
        return hold(List.of(() -> Library.only(flat, ranges.size(), Scope.bits(scopes), PROCESS)));
    }

    /** Hands these ports out to nobody; a bind to one by its number succeeds. */
    public static Held reserved(String ports, Scope... scopes) {
        return restricted(RESERVE, ports, scopes);
    }

    /** Lets nobody bind these ports: a bind to one by its number is refused. */
    public static Held blocked(String ports, Scope... scopes) {
        return restricted(BLOCK, ports, scopes);
    }

    private static Held restricted(int act, String ports, Scope... scopes) {
        List<IntSupplier> calls = new ArrayList<>();
        for (int[] range : ranges(ports)) {
            calls.add(() -> Library.restrict(act, range[0], range[1], Scope.bits(scopes), PROCESS));
        }
        return hold(calls);
    }

    /** Makes all of these calls, or none. */
    private static Held hold(List<IntSupplier> calls) {
        if (!loaded()) {
            throw new PortshimException(Library.NOT_LOADED);
        }
        Deque<Integer> handles = new ArrayDeque<>();
        Held held = () -> {
            while (!handles.isEmpty()) {
                Library.release(handles.pop());
            }
        };
        try {
            calls.forEach(call -> handles.push(Library.told(call.getAsInt())));
        } catch (PortshimException e) {
            held.close();
            throw e;
        }
        return held;
    }

    private static List<int[]> ranges(String ports) {
        List<int[]> ranges = new ArrayList<>();
        for (String part : ports.split(",")) {
            String[] ends = part.trim().split("-", 2);
            try {
                int first = Integer.parseInt(ends[0]);
                int last = Integer.parseInt(ends[ends.length - 1]);
                if (1 <= first && first <= last && last <= 65535) {
                    ranges.add(new int[] {first, last});
                    continue;
                }
            } catch (NumberFormatException e) {
                // Said below.
            }
            throw new IllegalArgumentException("`" + ports + "` names no ports; write 8080, 4000-4999 or 80,443");
        }
        return ranges;
    }
}
