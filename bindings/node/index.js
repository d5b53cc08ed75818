"use strict";

// Runs out of ports, by the command `portshim`: for this process and those that descend from it, until that is
// released. The command is a program of its own, so that each step takes some milliseconds, in which this process
// waits.

const { execFileSync } = require("node:child_process");

const NOT_LOADED = "this program does not run under portshim; start it by `portshim run -- node --test`";

/** What is withheld, the oldest first: the arguments of the commands that made it so. */
const held = [];
/** The commands that undo `reserve` and `block`, port by port. */
const UNDOES = { reserve: "unreserve", block: "unblock" };

class PortshimError extends Error {
  constructor(message) {
    super(message);
    this.name = "PortshimError";
  }
}

/** Tells whether this program runs under portshim. */
function loaded() {
  // On Windows no variable has the library loaded.
  const comesIn = process.platform === "win32" || (process.env.LD_PRELOAD || "").includes("portshim");
  return Boolean(process.env.PORTSHIM_SESSION && comesIn);
}

function call(args) {
  if (!loaded()) throw new PortshimError(NOT_LOADED);
  const command = process.env.PORTSHIM_COMMAND || "portshim";
  try {
    execFileSync(command, [...args, "--process", String(process.pid)], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    if (error.code === "ENOENT") throw new PortshimError(`there is no command \`${command}\` in PATH`);
    throw new PortshimError(String(error.stderr || error.message).trim());
  }
}

/** Something that holds until it is released. */
class Held {
  #args;

  constructor(args) {
    this.#args = args;
    call(args);
    if (!(args[0] in UNDOES)) held.push(args);
  }

  /** Releases it; a second time does nothing. */
  release() {
    const [verb, ...ports] = this.#args;
    if (verb in UNDOES) {
      call([UNDOES[verb], ...ports]);
      this.#args = ["released"];
      return;
    }
    const at = held.lastIndexOf(this.#args);
    if (at < 0) return;
    // The command releases whatever holds for a process: what lies around this goes on. Meanwhile this process waits.
    call(["release"]);
    held.splice(at, 1);
    held.forEach(call);
  }
}

if (Symbol.dispose) {
  Object.defineProperty(Held.prototype, Symbol.dispose, { value: Held.prototype.release });
}

/** Calls `body`, if there is one, while it holds, and gives its result; else gives what is to be released. */
function holding(args, body) {
  const one = new Held(args);
  if (body === undefined) return one;
  let result;
  try {
    result = body();
  } catch (error) {
    one.release();
    throw error;
  }
  if (result && typeof result.then === "function") {
    return Promise.resolve(result).finally(() => one.release());
  }
  one.release();
  return result;
}

function isOptions(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/**
 * exhausted([scopes], [{ leave }], [body]): no port is left to whoever asks for any.
 */
function exhausted(...args) {
  const body = typeof args.at(-1) === "function" ? args.pop() : undefined;
  const { leave = 0 } = isOptions(args.at(-1)) ? args.pop() : {};
  return holding(["exhaust", ...args.flat(), "--leave", String(leave)], body);
}

function withPorts(verb, args) {
  const body = typeof args.at(-1) === "function" ? args.pop() : undefined;
  return holding([verb, ...args.flat().map(String)], body);
}

/**
 * only(ports, [body]): no port is left but these, such as "20000-20003/tcp".
 */
function only(...args) {
  return withPorts("only", args);
}

/**
 * reserved(ports, [body]): these ports go to nobody who asks for any; a bind to one by its number succeeds.
 */
function reserved(...args) {
  return withPorts("reserve", args);
}

/**
 * blocked(ports, [body]): these ports go to nobody: a bind to one by its number fails with EACCES.
 */
function blocked(...args) {
  return withPorts("block", args);
}

module.exports = { blocked, exhausted, only, reserved, loaded, PortshimError };
