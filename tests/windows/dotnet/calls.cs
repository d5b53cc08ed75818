// Servers and clients of each kind that .NET has: each tells its port.
using System;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;

class Calls
{
    static void Told(EndPoint local)
    {
        Console.WriteLine("call port " + ((IPEndPoint)local).Port);
    }

    static void Main(string[] args)
    {
        var tcp = new IPEndPoint(IPAddress.Loopback, int.Parse(args[0]));
        var udp = new IPEndPoint(IPAddress.Loopback, int.Parse(args[1]));
        var server = new TcpListener(IPAddress.Any, 0);
        server.Start();
        Told(server.LocalEndpoint);
        var client = new TcpClient();
        client.Connect(tcp);
        Told(client.Client.LocalEndPoint);
        // By ConnectEx.
        var waits = new TcpClient();
        waits.ConnectAsync(tcp.Address, tcp.Port).Wait();
        Told(waits.Client.LocalEndPoint);
        var datagrams = new UdpClient();
        datagrams.Send(new byte[] { 1 }, 1, udp);
        Told(datagrams.Client.LocalEndPoint);
        var connected = new UdpClient();
        connected.Connect(udp);
        connected.Send(new byte[] { 1 }, 1);
        Told(connected.Client.LocalEndPoint);
    }
}
