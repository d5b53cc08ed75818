package dev.portshim;

/** Something that holds for this process and those that descend from it, until it is closed. */
public interface Held extends AutoCloseable {
    /** Releases it; a second time does nothing. */
    @Override
    void close();
}
