// Serves on any port, connects and sends with every module that does, and has a child process do the same.
// Writes each port it got to a file, `port N`: Node cannot write to this side's pipes under Wine.
//
//     node.exe node.js FILE HTTP-PORT UDP-PORT [child]
const childProcess = require('child_process');
const dgram = require('dgram');
const fs = require('fs');
const http = require('http');
const net = require('net');

const [file, httpPort, udpPort, child] = process.argv.slice(2);
const tell = (line) => fs.appendFileSync(file, line + '\n');
const done = (resolve, port) => { tell(`port ${port}`); resolve(); };

const get = (host) => new Promise((resolve, reject) => {
    const request = http.get({ host, port: httpPort, agent: false }, (response) => {
        const port = request.socket.localPort;
        response.resume().on('end', () => done(resolve, port));
    }).on('error', reject);
});

const connect = () => new Promise((resolve, reject) => {
    const socket = net.connect(httpPort, '127.0.0.1', () => {
        done(resolve, socket.localPort);
        socket.destroy();
    }).on('error', reject);
});

const send = (type, host) => new Promise((resolve, reject) => {
    const socket = dgram.createSocket(type).on('error', reject);
    socket.on('message', () => { done(resolve, socket.address().port); socket.close(); });
    socket.send('hello', udpPort, host);
});

const talk = () => new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4').on('error', reject);
    socket.on('message', () => { done(resolve, socket.address().port); socket.close(); });
    socket.connect(udpPort, '127.0.0.1', () => socket.send('hello'));
});

// Serves one visitor from outside.
const serve = (server, how) => new Promise((resolve, reject) => {
    server.on('error', reject).listen(0, () => tell(`${how} ${server.address().port}`)).on('close', resolve);
});

async function main() {
    await get('127.0.0.1');
    await get('::1');
    await connect();
    await send('udp4', '127.0.0.1');
    await send('udp6', '::1');
    await talk();
    if (child) return;
    const web = http.createServer((request, response) => {
        response.setHeader('Connection', 'close');
        response.end('served');
        web.close();
    });
    await serve(web, 'http');
    const plain = net.createServer((socket) => {
        socket.resume().end('served');
        plain.close();
    });
    await serve(plain, 'net');
    const arguments = [__filename, file, httpPort, udpPort, 'child'];
    const status = childProcess.spawnSync(process.execPath, arguments, { stdio: 'ignore' }).status;
    tell(`child ${status}`);
}

main().then(() => tell('done'), (error) => { tell(`failed ${error.stack}`); process.exit(1); });
