/** A till for Bellwire: every event once and in order, over cuts, crashes and offline hours. */

export type Door = "websocket" | "sse" | "poll";

/** The content of a cursor: the last handled offset, and for which shop and filter it holds. */
export interface Kept {
  tenant: string;
  filter: Record<string, string[]>;
  offset: string;
}

/** Where the last handled offset is kept. */
export interface Cursor {
  /** The cursor that was saved last; null where nothing ever was. Throws `Damaged`. */
  load(): Kept | null | Promise<Kept | null>;
  /** Keep it, whole or not at all. */
  save(kept: Kept): void | Promise<void>;
  /** Called once before the first `save`: from now on it is this terminal's, and nobody else's. */
  hold?(): unknown;
}

/** A log of JSON values; each is on the disk when `append` answers, whole or not at all. */
export interface Log {
  load(): unknown[] | Promise<unknown[]>;
  append(value: unknown): void | Promise<void>;
  /** Put these values in the place of all others, in one step. */
  rewrite(values: unknown[]): void | Promise<void>;
  /** Called once before `load`: from now on it is this terminal's, and nobody else's. */
  hold?(): unknown;
}

/** A cursor that a restart forgets: the server's last ack is then where it goes on. */
export class MemoryCursor implements Cursor {
  kept: Kept | null;
  load(): Kept | null;
  save(kept: Kept): void;
}

/** A cursor under a name of its own in a storage, `localStorage` by default. */
export class StorageCursor implements Cursor {
  constructor(name: string, storage?: Pick<Storage, "getItem" | "setItem">);
  load(): Kept | null;
  save(kept: Kept): void;
}

/**
 * A cursor under a name of its own in IndexedDB; each change is flushed to the disk. Whoever `hold`s the name has it:
 * an earlier holder's next change is `InUse`.
 */
export class IndexedCursor implements Cursor {
  constructor(name: string);
  readonly name: string;
  hold(): Promise<number>;
  load(): Promise<Kept | null>;
  save(kept: Kept): Promise<void>;
}

/** A log under a name of its own in IndexedDB, likewise. */
export class IndexedLog implements Log {
  constructor(name: string);
  readonly name: string;
  hold(): Promise<number>;
  load(): Promise<unknown[]>;
  append(value: unknown): Promise<void>;
  rewrite(values: unknown[]): Promise<void>;
}

/** A log that a restart forgets. */
export class MemoryLog implements Log {
  load(): unknown[];
  append(value: unknown): void;
  rewrite(values: unknown[]): void;
}

/** A log under a name of its own in a storage, `localStorage` by default. */
export class StorageLog implements Log {
  constructor(name: string, storage?: Pick<Storage, "getItem" | "setItem">);
  load(): unknown[];
  append(value: unknown): void;
  rewrite(values: unknown[]): void;
}

/** An event that a handler could not take. `at` is a moment of ISO 8601. */
export interface DeadLetter {
  event: Record<string, unknown>;
  attempts: number;
  error: string;
  at: string;
}

export class DeadLetters {
  constructor(log?: Log);
  /** All of them, the oldest first. Throws `Damaged`. */
  entries(): Promise<DeadLetter[]>;
  add(letter: DeadLetter): Promise<void>;
  /** Somebody dealt with it. */
  remove(offset: string): Promise<void>;
}

/** One thing to handle. `kind` is `snapshot` or `reset` for the two that are the SDK's own. */
export interface TerminalEvent {
  readonly kind: "event" | "snapshot" | "reset";
  /** Its position; opaque. */
  readonly offset: string;
  readonly type: string;
  readonly data: Record<string, any>;
  /** Which attempt of the handler this is, from 1. */
  readonly attempt: number;
  /** Its items were left out and could not be had. */
  readonly thin: boolean;
  /** The contract's whole object. */
  readonly document: Record<string, unknown>;
}

export type State =
  | { state: "new" | "connecting" | "live" | "replaced" | "revoked" }
  | { state: "catching_up"; done: number; of: number | null }
  | { state: "offline"; since: Date }
  | { state: "resetting" | "stopped"; reason: string };

/** A trouble by the way; `kind` says what, `wait` that it comes back after `ms`. */
export interface Report {
  kind: string;
  [member: string]: unknown;
}

/** The two clocks; `speed` is how many seconds of ours pass in one of the world's (for tests). */
export class Clock {
  constructor(speed?: number);
  nowMs(): number;
  wallMs(): number;
}

export interface Wishes {
  /**
   * What a page keeps: under this name, under one of its own (`true`, the default where neither `cursor` nor a log is
   * given), or nothing (`false`). In IndexedDB; in `localStorage` where there is none.
   */
  store?: string | boolean;
  /**
   * The page's tabs share one connection: each has every event, and the first one that has handled it has handled it for
   * the terminal. The default where neither `cursor` nor a log is given. It takes Web Locks, which take TLS.
   */
  share?: boolean;
  /** By default the `store`'s, in a page that names no `start`; else one that a restart forgets. */
  cursor?: Cursor;
  /** One without a log has the `store`'s in a page. */
  outbox?: Outbox;
  deadLetters?: DeadLetters;
  /** Where a terminal begins that has no cursor: `acked` (the default), `head`, `snapshot`, or an offset. */
  start?: string;
  types?: string[];
  stations?: string[];
  categories?: string[];
  /** The best first; all three by default, without `websocket` where the platform has none. */
  doors?: Door[];
  acks?: boolean;
  snapshots?: boolean;
  /** How many events may wait, 64. */
  window?: number;
  /** How often a handler of `run` is tried, 3. */
  attempts?: number;
  onDamage?: "stop" | "acked";
  onState?(state: State): void;
  onReport?(report: Report): void;
  /** Another device took this terminal's place: take it back? */
  onReplaced?(): boolean | Promise<boolean>;
  /** Send a ticket with a WebSocket's handshake, and not the key. */
  tickets?: boolean;
  /** The class to use, where the platform has none. */
  WebSocket?: new (url: string, protocols: string[]) => unknown;
  clock?: Clock;
}

/** A command that is on the disk. `answer` is the server's document; it may be left alone. Rejects with `Conflict`, or `Unfinished`. */
export interface Given {
  id: string;
  answer: Promise<Record<string, unknown>>;
}

export interface Command {
  id: string;
  method: string;
  path: string;
  body: Record<string, unknown> | null;
}

/** A terminal's commands, in their order, each done once. An outbox belongs to one process. */
export class Outbox {
  constructor(wishes?: {
    log?: Log;
    onConflict?(command: Command, why: Conflict): void;
    onDone?(command: Command, answer: Record<string, unknown>): void;
    /** The key is no good: everything is kept until `release`. */
    onHold?(reason: string): void;
    clock?: Clock;
  });
  readonly waiting: number;
  readonly commands: Command[];
  /** It is on the disk when this answers. Throws `StorageFailed`, or `TerminalError` where 10,000 wait already. */
  submit(method: string, path: string, body?: Record<string, unknown> | null): Promise<Given>;
  release(): void;
  online(): void;
  /** Wait until nothing is left to do. Throws `Unfinished` where it is closed before that, `StorageFailed`. */
  settled(): Promise<void>;
}

/** A till's commands; each answers when the command is on the disk. */
interface Commands {
  step(orderId: string, status: string, more?: { reason?: string; readyAt?: Date | string }): Promise<Given>;
  accept(orderId: string, more?: { readyAt?: Date | string }): Promise<Given>;
  cancel(orderId: string, more?: { reason?: string }): Promise<Given>;
  redeem(cardNumber: string, amount: number | string, more?: { orderId?: string }): Promise<Given>;
  refundCard(
    cardNumber: string,
    amount: number | string,
    more?: { redemptionId?: string; orderId?: string; reason?: string },
  ): Promise<Given>;
  refund(orderId: string, amount: number | string, more?: { reason?: string }): Promise<Given>;
  addPoints(phone: string, points: number, more?: { reason?: string }): Promise<Given>;
  redeemPoints(phone: string, points: number, more?: { reason?: string }): Promise<Given>;
}

/** Of all terminals that want to do a thing with an order, one may. */
export class Claim {
  /** This terminal has it. */
  readonly isMine: boolean;
  /** Rises with each claim of this order and purpose: hand it to whatever does the thing. */
  readonly fence: number | null;
  readonly expiresAt: string | null;
  readonly holder: Record<string, unknown> | null;
  readonly done: boolean;
  /** It ran out and another took it: stop, where that is possible. */
  readonly lost: boolean;
  /** Ask for it; it is renewed from then on. Throws `Refused`, `Unreachable`. */
  open(): Promise<this>;
  /** Say that it is done. Throws `ClaimLost`, and `Unfinished` where an outbox that keeps nothing was closed first. */
  finish(): Promise<void>;
  /** Say nothing: it runs out, for another to take. */
  leave(): void;
}

/** A screen that shows a shop's events, and gives no commands: a terminal from its first connection to its last. */
export class Board implements AsyncIterableIterator<TerminalEvent> {
  /** Throws `TypeError` where the address, the key or a wish is none. */
  constructor(url: string, tenant: string, key: string, wishes?: Omit<Wishes, "outbox">);
  readonly state: State;
  /** Whether this tab has the connection that all tabs share. */
  readonly isLeading: boolean;
  /** The last offset that was handled and kept. */
  readonly offset: string | null;
  /** Read the disk, and connect. Throws `CursorDamaged`, and `Damaged` of the outbox's log. */
  open(): Promise<this>;
  /** End it: an event in the hand is not done and comes again. */
  stop(): Promise<void>;
  /** There is a network again. Pages need not say so. */
  online(): void;
  [Symbol.asyncIterator](): this;
  /** To ask for the next event is to say that the one before is handled. Throws `Stopped` and its kinds. */
  next(): Promise<IteratorResult<TerminalEvent, undefined>>;
  return(): Promise<IteratorResult<TerminalEvent, undefined>>;
  /** The event in the hand is handled: wait until that is on the disk. */
  handled(): Promise<void>;
  /** Handle every event until it is over; one that a handler cannot take is put aside. */
  run(handler: (event: TerminalEvent) => void | Promise<void>): Promise<void>;
}

export interface Terminal extends Commands {}

/** A till: a board that gives commands, and claims what is to be done once. */
export class Terminal extends Board {
  /** Throws `TypeError` where the address, the key or a wish is none. */
  constructor(url: string, tenant: string, key: string, wishes?: Wishes);
  readonly outbox: Outbox;
  /** Do `work` where this terminal gets the claim: it is renewed meanwhile, and done at its end. `ttl` in seconds, 30. */
  claim(
    order: TerminalEvent | string,
    purpose: string,
    work: (claim: Claim) => void | Promise<void>,
    more?: { ttl?: number },
  ): Promise<Claim>;
  newClaim(order: TerminalEvent | string, purpose: string, more?: { ttl?: number }): Claim;
}

/**
 * A webhook's message, when its signature fits the secret and it is of now. `body` is as it came, not parsed and
 * written again; `now` and `tolerance` are in seconds. Throws `NotGenuine`.
 */
export function verify(
  secret: string,
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string | ArrayBuffer | Uint8Array,
  more?: { now?: number; tolerance?: number },
): Promise<Record<string, unknown>>;

/** The kept record is not the one that was written. */
export class Damaged extends Error {}
export class TerminalError extends Error {}
export class Unreachable extends TerminalError {
  readonly reached: boolean;
}
/** The stream is over and does not come back. */
export class Stopped extends TerminalError {
  readonly reason: string;
  readonly code: number | null;
  readonly detail: string;
}
/** With this key there is no way in any more. */
export class Revoked extends Stopped {}
/** Another device connected with this terminal's key, and the owner left the place to it. */
export class Replaced extends Stopped {}
export class StorageFailed extends Stopped {}
export class CursorDamaged extends Stopped {}
/** The server said no. */
export class Refused extends TerminalError {
  readonly status: number | null;
  readonly problem: string | null;
  readonly body: Record<string, unknown>;
}
/** A command was not done and never will be, or (`outcome-unknown`) nobody can know. */
export class Conflict extends Refused {}
/** The outbox was closed first. `kept`: the command is in the log, and the next outbox with it carries it out. */
export class Unfinished extends TerminalError {
  readonly kept: boolean;
}
/** Another terminal has the store. */
export class InUse extends TerminalError {}
export class ClaimLost extends TerminalError {}
export class NotGenuine extends TerminalError {}
