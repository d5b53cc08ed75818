import com.sun.net.httpserver.HttpServer;
import java.net.*;
import java.net.http.*;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;

/** Every way in which Java programs commonly come by a port. Arguments: an HTTP and a UDP peer. */
public class Ports {
    static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();
    static final byte[] HELLO = "hello".getBytes(StandardCharsets.UTF_8);

    static void tell(int port) {
        System.out.println("port " + port);
    }

    static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    public static void main(String[] args) throws Exception {
        int http = Integer.parseInt(args[0]), udp = Integer.parseInt(args[1]);
        sockets();
        channels();
        asynchronous();
        datagrams(new InetSocketAddress(LOOPBACK, udp));
        urls(http);
    }

    static void sockets() throws Exception {
        try (ServerSocket server = new ServerSocket(0)) {
            tell(server.getLocalPort());
            try (Socket client = new Socket(LOOPBACK, server.getLocalPort()); Socket accepted = server.accept()) {
                tell(client.getLocalPort());
                check(accepted.getPort() == client.getLocalPort(), "both ends agree");
                client.getOutputStream().write(HELLO);
                check(new String(accepted.getInputStream().readNBytes(5)).equals("hello"), "it arrives");
            }
            try (Socket bound = new Socket()) {
                bound.bind(null);
                tell(bound.getLocalPort());
                bound.connect(new InetSocketAddress(LOOPBACK, server.getLocalPort()));
            }
        }
    }

    static void channels() throws Exception {
        try (ServerSocketChannel server = ServerSocketChannel.open().bind(null)) {
            int port = ((InetSocketAddress) server.getLocalAddress()).getPort();
            tell(port);
            try (SocketChannel client = SocketChannel.open(new InetSocketAddress(LOOPBACK, port))) {
                tell(((InetSocketAddress) client.getLocalAddress()).getPort());
            }
            try (SocketChannel client = SocketChannel.open(); Selector selector = Selector.open()) {
                client.configureBlocking(false);
                if (!client.connect(new InetSocketAddress(LOOPBACK, port))) {
                    client.register(selector, SelectionKey.OP_CONNECT);
                    selector.select();
                    check(client.finishConnect(), "it is connected");
                }
                tell(((InetSocketAddress) client.getLocalAddress()).getPort());
            }
        }
    }

    static void asynchronous() throws Exception {
        try (AsynchronousServerSocketChannel server = AsynchronousServerSocketChannel.open().bind(null);
                AsynchronousSocketChannel client = AsynchronousSocketChannel.open()) {
            int port = ((InetSocketAddress) server.getLocalAddress()).getPort();
            tell(port);
            client.connect(new InetSocketAddress(LOOPBACK, port)).get();
            tell(((InetSocketAddress) client.getLocalAddress()).getPort());
        }
    }

    static void datagrams(InetSocketAddress peer) throws Exception {
        try (DatagramSocket socket = new DatagramSocket()) {
            tell(socket.getLocalPort());
            socket.send(new DatagramPacket(HELLO, HELLO.length, peer));
            DatagramPacket back = new DatagramPacket(new byte[100], 100);
            socket.receive(back);
            check(back.getLength() == HELLO.length, "it comes back");
        }
        try (DatagramChannel channel = DatagramChannel.open()) {
            channel.send(ByteBuffer.wrap(HELLO), peer);
            channel.receive(ByteBuffer.allocate(100));
            tell(((InetSocketAddress) channel.getLocalAddress()).getPort());
        }
        try (DatagramChannel channel = DatagramChannel.open().connect(peer)) {
            channel.write(ByteBuffer.wrap(HELLO));
            channel.read(ByteBuffer.allocate(100));
            tell(((InetSocketAddress) channel.getLocalAddress()).getPort());
        }
    }

    static void urls(int peer) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(LOOPBACK, 0), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, 3);
            exchange.getResponseBody().write("ok\n".getBytes(StandardCharsets.UTF_8));
            exchange.close();
        });
        server.start();
        tell(server.getAddress().getPort());
        HttpClient client = HttpClient.newHttpClient();
        for (int port : new int[] {server.getAddress().getPort(), peer, peer}) {
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/")).build();
            HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
            check(response.statusCode() == 200 && response.body().equals("ok\n"), "it answers");
        }
        server.stop(0);
    }
}
