/** A scope of ports. */
export type Scope = "all" | "tcp" | "udp" | "4" | "6" | "tcp4" | "tcp6" | "udp4" | "udp6";

/** Something that holds for this process and those that descend from it, until it is released. */
export interface Held extends Disposable {
  /** Releases it; a second time does nothing. */
  release(): void;
}

export interface ExhaustOptions {
  /** So many ports of each scope are left: the lowest that nobody uses. */
  leave?: number;
}

/** What portshim refused, or that the program does not run under it. */
export class PortshimError extends Error {}

/** Tells whether this program runs under portshim. */
export function loaded(): boolean;

/** Leaves no port to whoever asks for any; all scopes unless some are named. */
export function exhausted(): Held;
export function exhausted(scopes: Scope | Scope[], options?: ExhaustOptions): Held;
export function exhausted(options: ExhaustOptions): Held;
/** The same while `body` runs, and gives its result. */
export function exhausted<T>(body: () => T): T;
export function exhausted<T>(scopes: Scope | Scope[], body: () => T): T;
export function exhausted<T>(scopes: Scope | Scope[], options: ExhaustOptions, body: () => T): T;

/** Ports, such as 8080, "20000-20003/tcp", or several of these. */
export type Ports = string | number | (string | number)[];

/** Leaves these ports alone, as far as the policy hands them out. */
export function only(ports: Ports): Held;
/** The same while `body` runs, and gives its result. */
export function only<T>(ports: Ports, body: () => T): T;

/** Hands these ports out to nobody who asks for any; a bind to one by its number succeeds. */
export function reserved(ports: Ports): Held;
/** The same while `body` runs, and gives its result. */
export function reserved<T>(ports: Ports, body: () => T): T;

/** Lets nobody have these ports: a bind to one by its number fails with EACCES. */
export function blocked(ports: Ports): Held;
/** The same while `body` runs, and gives its result. */
export function blocked<T>(ports: Ports, body: () => T): T;
