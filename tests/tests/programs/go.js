// Starts a server that is out of a preload's reach, visits it, and ends it. Arguments: esbuild, the folder to serve.
'use strict';
const http = require('node:http');
const { spawn } = require('node:child_process');
const { once } = require('node:events');

async function visit(url) {
  const request = http.get(url);
  const [response] = await once(request, 'response');
  console.log(request.socket.localPort);
  let body = '';
  for await (const chunk of response) body += chunk;
  console.log(body);
}

async function main([program, folder]) {
  const server = spawn(program, ['--serve=127.0.0.1:7003', `--servedir=${folder}`]);
  const ended = once(server, 'exit');
  let said = '';
  for await (const chunk of server.stderr) {
    const before = said.includes('http://');
    said += chunk;
    if (!before && said.includes('http://')) {
      await visit('http://127.0.0.1:7003/page.txt');
      server.stdin.end();
    }
  }
  const [status] = await ended;
  console.log('ended', status);
}

main(process.argv.slice(2));
