// Runs out of ports by the package in bindings/node, and writes to a file what any-port binds came to.
//
//     node.exe exhausted.js FILE PACKAGE PORT
const fs = require('fs');
const net = require('net');

const [file, from, one] = process.argv.slice(2);
const { exhausted, only, loaded } = require(from);
const tell = (line) => fs.appendFileSync(file, line + '\n');

const bind = () => new Promise((resolve) => {
    const server = net.createServer().on('error', (error) => { tell(error.code); resolve(); });
    server.listen(0, '127.0.0.1', () => { tell(server.address().port); server.close(resolve); });
});

(async () => {
    tell(loaded());
    if (!loaded()) return;
    await exhausted('tcp', bind);
    await exhausted('udp', bind);
    await only(`${one}/tcp`, async () => { await exhausted('tcp', bind); await bind(); });
    await exhausted({ leave: 1 }, bind);
    await bind();
})().catch((error) => { tell(error.stack); process.exitCode = 1; });
