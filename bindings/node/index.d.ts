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

/** Leaves these ports alone, such as "20000-20003/tcp", as far as the policy hands them out. */
export function only(ports: string | number | (string | number)[]): Held;
/** The same while `body` runs, and gives its result. */
export function only<T>(ports: string | number | (string | number)[], body: () => T): T;
