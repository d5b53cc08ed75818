// Serves on any port, connects and sends, and tells each port: bun.exe bun.js TCP-PORT UDP-PORT
const dgram = require('dgram');
const net = require('net');

const [tcpPort, udpPort] = process.argv.slice(2).map(Number);
const tell = (port) => console.log(`call port ${port}`);

const server = net.createServer().listen(0, '127.0.0.1', () => {
    tell(server.address().port);
    const client = net.connect(tcpPort, '127.0.0.1', () => {
        tell(client.localPort);
        client.destroy();
        server.close();
        const socket = dgram.createSocket('udp4');
        socket.send('hello', udpPort, '127.0.0.1', () => {
            tell(socket.address().port);
            socket.close();
        });
    });
});
