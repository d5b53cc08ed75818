"use strict";

// Run by node:test and by jest, under the range 20000-20009, or without portshim where UNDER_PORTSHIM is not set.

const { execFileSync } = require("node:child_process");
const dgram = require("node:dgram");
const net = require("node:net");
const assert = require("node:assert");
const { blocked, exhausted, loaded, only, reserved, PortshimError } = require("portshim");

const test = globalThis.test || require("node:test").test;

/** A port of the system's choice, or the error's code. */
function anyPort(port = 0) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error) => resolve(error.code));
    server.listen(port, "127.0.0.1", () => {
      const got = server.address().port;
      server.close(() => resolve(got));
    });
  });
}

function datagram() {
  return new Promise((resolve) => {
    const socket = dgram.createSocket("udp4");
    socket.once("error", (error) => resolve(error.code));
    socket.bind(0, "127.0.0.1", () => {
      const got = socket.address().port;
      socket.close(() => resolve(got));
    });
  });
}

if (process.env.UNDER_PORTSHIM) {
  test("a function runs while no port is left", async () => {
    assert.ok(loaded());
    await exhausted("tcp", async () => {
      assert.strictEqual(await anyPort(), "EADDRINUSE");
      assert.ok((await datagram()) >= 20000);
      assert.strictEqual(await anyPort(20003), 20003);
    });
    assert.ok((await anyPort()) >= 20000);
    assert.strictEqual(exhausted(() => 7), 7);
  });

  test("guards lie in each other, and end in any order", async () => {
    const outer = only(["20001-20002", 20004]);
    const inner = exhausted({ leave: 1 });
    assert.strictEqual(await anyPort(), 20001);
    outer.release();
    assert.strictEqual(await anyPort(), 20000);
    const all = exhausted(["tcp", "udp4"]);
    assert.strictEqual(await anyPort(), "EADDRINUSE");
    inner.release();
    assert.strictEqual(await datagram(), "EADDRINUSE");
    all.release();
    all.release();
    assert.ok((await anyPort()) >= 20000);
  });

  test("children have no port either, and what throws releases", async () => {
    const bind = ["-c", "import socket; socket.socket().bind(('127.0.0.1', 0))"];
    assert.throws(() => exhausted(() => execFileSync("python3", bind, { stdio: "ignore" })));
    await assert.rejects(exhausted(async () => assert.fail("its own")), /its own/);
    execFileSync("python3", bind);
  });

  test("ports are reserved and blocked", async () => {
    const few = only("20000-20003");
    const kept = reserved(["20000-20001", 20002]);
    const again = reserved("20001");
    assert.strictEqual(await anyPort(), 20003);
    assert.strictEqual(await anyPort(20001), 20001);
    few.release();
    again.release();
    again.release();
    await only("20000-20003", async () => {
      assert.strictEqual(await anyPort(), 20003);
      kept.release();
      await reserved("20001-20003", async () => assert.strictEqual(await anyPort(), 20000));
    });
    const own = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 8123))";
    await blocked("8120-8123/tcp", async () => {
      assert.strictEqual(await anyPort(8123), "EACCES");
      assert.throws(() => execFileSync("python3", ["-c", own], { stdio: "ignore" }));
    });
    assert.strictEqual(await anyPort(8123), 8123);
  });

  test("what cannot be is refused in the command's words", () => {
    assert.throws(() => exhausted("sctp"), /`sctp` is no scope/);
    assert.throws(() => reserved("20001/sctp"), /`20001\/sctp`/);
    assert.throws(() => only(30000), /the session hands out none of 30000/);
  });
} else {
  test("without portshim nothing holds", () => {
    assert.ok(!loaded());
    assert.throws(() => exhausted(), PortshimError);
    assert.throws(() => only(1), /does not run under portshim/);
  });
}
