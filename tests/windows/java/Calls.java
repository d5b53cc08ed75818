import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SocketChannel;
import java.nio.ByteBuffer;

/** Servers and clients of each kind that Java has: each tells its port. */
class Calls {
    static void told(int port) {
        System.out.println("call port " + port);
    }

    public static void main(String[] args) throws Exception {
        var tcp = new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), Integer.parseInt(args[0]));
        var udp = new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), Integer.parseInt(args[1]));
        try (var server = new ServerSocket(0)) {
            told(server.getLocalPort());
        }
        try (var client = new Socket(tcp.getAddress(), tcp.getPort())) {
            told(client.getLocalPort());
        }
        try (var client = SocketChannel.open(tcp)) {
            told(client.socket().getLocalPort());
        }
        try (var client = AsynchronousSocketChannel.open()) {
            client.connect(tcp).get();
            told(((InetSocketAddress) client.getLocalAddress()).getPort());
        }
        try (var datagrams = new DatagramSocket()) {
            datagrams.send(new DatagramPacket(new byte[] {1}, 1, udp));
            told(datagrams.getLocalPort());
        }
        try (var datagrams = DatagramChannel.open()) {
            datagrams.send(ByteBuffer.wrap(new byte[] {1}), udp);
            told(((InetSocketAddress) datagrams.getLocalAddress()).getPort());
        }
    }
}
