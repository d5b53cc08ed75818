package dev.portshim;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.BindException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Under the range 20000-20009. */
class HeldTest {
    static int bind(int port) throws IOException {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    static int anyPort() throws IOException {
        return bind(0);
    }

    @BeforeEach
    @AfterEach
    void aroundATestThereArePorts() {
        assertDoesNotThrow(HeldTest::anyPort);
    }

    @Test
    @Exhausted(scopes = Scope.TCP)
    void noPortIsLeft() throws IOException {
        assertTrue(Ports.loaded());
        assertThrows(BindException.class, HeldTest::anyPort);
        assertEquals(20003, bind(20003));
        new DatagramSocket(0, InetAddress.getLoopbackAddress()).close();
    }

    @RepeatedTest(2)
    @OnlyPorts("20004, 20006-20007")
    @ReservedPorts("20004-20006")
    @BlockedPorts(value = "8120,8123", scopes = {Scope.TCP4, Scope.TCP6})
    void onePortIsLeft() throws IOException {
        assertEquals(20007, anyPort());
        assertThrows(IOException.class, () -> bind(8123));
        new DatagramSocket(8123, InetAddress.getLoopbackAddress()).close();
    }

    @Test
    @Exhausted(leave = 1)
    void oneIsLeft() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            assertEquals(20000, socket.getLocalPort());
            assertThrows(BindException.class, HeldTest::anyPort);
        }
    }

    @TestFactory
    @Exhausted
    Stream<DynamicTest> noPortIsLeftInWhatAFactoryMakes() {
        return Stream.of(DynamicTest.dynamicTest("bind", () -> assertThrows(BindException.class, HeldTest::anyPort)));
    }

    @Nested
    @OnlyPorts("20008")
    class Inside {
        @Nested
        class Deeper {
            @Test
            void onePortIsLeft() throws IOException {
                assertEquals(20008, anyPort());
            }
        }
    }

    @Test
    void guardsAreClosed() throws Exception {
        try (Held only = Ports.only("20001"); Held none = Ports.exhausted()) {
            assertThrows(BindException.class, HeldTest::anyPort);
            none.close();
            assertEquals(20001, anyPort());
        }
        Process child = new ProcessBuilder("python3", "-c", "import socket; socket.socket().bind(('', 0))").start();
        assertEquals(0, child.waitFor());
    }

    @Test
    void slipsAreToldOf() {
        assertThrows(IllegalArgumentException.class, () -> Ports.only("80-"));
        assertThrows(IllegalArgumentException.class, () -> Ports.blocked("0"));
        PortshimException none = assertThrows(PortshimException.class, () -> Ports.only("30000"));
        assertTrue(none.getMessage().contains("hands out none of these ports"), none.getMessage());
        assertThrows(PortshimException.class, () -> Ports.exhausted(129));
        assertThrows(PortshimException.class, () -> Ports.exhausted(-1));
    }
}
