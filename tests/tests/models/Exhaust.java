import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** Takes ports by bind, or by connect to several destinations in turn, until there are none left. */
public class Exhaust {
    public static void main(String[] arguments) throws IOException {
        boolean binds = arguments[0].equals("bind");
        int destinations = Integer.parseInt(arguments[1]);
        List<ServerSocket> servers = new ArrayList<>();
        for (int n = 0; !binds && n < destinations; n++) {
            ServerSocket server = new ServerSocket();
            server.bind(new InetSocketAddress("127.0.0.1", 901 + n), 4096);
            servers.add(server);
        }
        TreeSet<Integer> ports = new TreeSet<>();
        List<Object> held = new ArrayList<>();
        String end;
        try {
            while (true) {
                if (binds) {
                    ServerSocket server = new ServerSocket();
                    server.setReuseAddress(false);
                    server.bind(new InetSocketAddress("127.0.0.1", 0));
                    held.add(server);
                    ports.add(server.getLocalPort());
                } else {
                    Socket socket = new Socket();
                    socket.connect(servers.get(held.size() % destinations).getLocalSocketAddress());
                    held.add(socket);
                    ports.add(socket.getLocalPort());
                }
            }
        } catch (IOException e) {
            end = e.getMessage();
        }
        System.out.println(held.size() + " ports, " + ports.size() + " different, " + ports.first() + " to " + ports.last()
            + ", then " + end);
    }
}
