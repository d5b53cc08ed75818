// Binds UDP sockets to port 0 until that fails.
'use strict';
const dgram = require('node:dgram');
const { once } = require('node:events');

async function drain() {
  const ports = [];
  for (;;) {
    const socket = dgram.createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    try {
      await once(socket, 'listening');
    } catch (error) {
      console.log(`${ports.sort().join(' ')}, then ${error.code}`);
      process.exit(0);
    }
    ports.push(socket.address().port);
  }
}
drain();
