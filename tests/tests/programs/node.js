// Every way in which node programs commonly come by a port. Arguments: an HTTP and a UDP peer.
'use strict';
const assert = require('node:assert');
const dgram = require('node:dgram');
const http = require('node:http');
const net = require('node:net');
const { once } = require('node:events');

const [HTTP, UDP] = process.argv.slice(2).map(Number);
const tell = (port) => console.log('port', port);

async function get(host, port) {
  const request = http.get({ host, port, path: '/' });
  const [response] = await once(request, 'response');
  tell(request.socket.localPort);
  let body = '';
  for await (const chunk of response) body += chunk;
  assert.strictEqual(response.statusCode, 200);
  return body;
}

async function urls() {
  const server = http.createServer((_, response) => response.end('ok\n'));
  server.listen(0);
  await once(server, 'listening');
  tell(server.address().port);
  for (const host of ['127.0.0.1', '::1']) {
    assert.strictEqual(await get(host, server.address().port), 'ok\n');
    assert.strictEqual(await get(host, HTTP), 'ok\n');
  }
  server.closeAllConnections();
  server.close();
}

async function streams() {
  const server = net.createServer((socket) => socket.pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  tell(server.address().port);
  const client = net.connect(server.address().port, '127.0.0.1');
  await once(client, 'connect');
  tell(client.localPort);
  client.end('hello');
  let echoed = '';
  for await (const chunk of client) echoed += chunk;
  assert.strictEqual(echoed, 'hello');
  server.close();
}

async function datagrams() {
  for (const [type, host] of [['udp4', '127.0.0.1'], ['udp6', '::1']]) {
    for (const connected of [false, true]) {
      const socket = dgram.createSocket(type);
      if (connected) {
        socket.connect(UDP, host);
        await once(socket, 'connect');
        socket.send('hello');
      } else {
        socket.send('hello', UDP, host);
      }
      const [message] = await once(socket, 'message');
      assert.strictEqual(String(message), 'hello');
      tell(socket.address().port);
      socket.close();
    }
  }
}

urls().then(streams).then(datagrams);
