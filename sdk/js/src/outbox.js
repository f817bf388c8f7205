// Commands on the disk, carried out one after the other: what the outbox's machine says, done with a log and `fetch`.
//
// A command is given when `submit` answers: from then on neither a restart nor offline hours lose it; it is done once.

import { Clock, sleep } from "./clock.js";
import { Dispatch } from "./core/dispatch.js";
import { Damaged } from "./core/records.js";
import { Conflict, StorageFailed, TerminalError, Unfinished, Unreachable } from "./errors.js";
import { MemoryLog } from "./stores.js";

const COMPACT_RECORDS = 2_000;

const later = () => {
  const found = {};
  found.promise = new Promise((resolve, reject) => Object.assign(found, { resolve, reject }));
  // An owner may not care: then it is told by `onConflict` alone.
  found.promise.catch(() => {});
  return found;
};

// Not `randomUUID`, which pages without TLS do not have.
const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// Read one record of the log.
function take(entry, commands) {
  if (entry.add) commands.set(entry.add.id, { ...entry.add, tried: null });
  else if (entry.try) Object.assign(commands.get(entry.try) ?? {}, { tried: entry.wall });
  else if (entry.end) commands.delete(entry.end);
  else throw new Damaged("a record of the outbox is no command");
}

export class Outbox {
  #log;
  #told;
  #clock;
  #machine = new Dispatch();
  #client;
  #commands = new Map();
  #pending = new Map();
  #given = new Map();
  #timer;
  // Records are appended in the order in which the machine said them.
  #writing = Promise.resolve();
  #asking = new AbortController();
  #records = 0;
  #compactAt = COMPACT_RECORDS;
  // Why nothing more is done.
  #end = null;

  constructor({ log = new MemoryLog(), onConflict, onDone, onHold, clock = new Clock() } = {}) {
    this.#log = log;
    this.#told = { onConflict, onDone, onHold };
    this.#clock = clock;
  }

  get waiting() {
    return this.#machine.waiting;
  }

  // Those that are given and not done, the oldest first.
  get commands() {
    return [...this.#commands.values()];
  }

  // Read what the disk has, and go on from there. Throws `Damaged`.
  async start(client) {
    this.#client = client;
    const records = await this.#log.load();
    for (const entry of records) take(entry, this.#commands);
    this.#records = records.length;
    this.#feed("start", { commands: this.commands });
  }

  // Give a command; it is on the disk when this answers `{id, answer}`, where `answer` is a promise of its document.
  async submit(method, path, body = null) {
    const command = { id: newId(), method, path, body };
    const { id } = command;
    const [given, answer] = [later(), later()];
    this.#given.set(id, given);
    this.#pending.set(id, answer);
    this.#feed("add", { command });
    try {
      await given.promise;
    } finally {
      this.#given.delete(id);
    }
    return { id, answer: answer.promise };
  }

  // The key is good again: go on.
  release() {
    this.#feed("release");
  }

  online() {
    this.#feed("online");
  }

  // Wait until nothing is left to do. Throws `Unfinished` where it is closed before that, `StorageFailed`.
  async settled() {
    while (this.waiting) {
      if (this.#end) throw this.#end;
      await sleep(10);
    }
  }

  // Stop; what is not done stays on the disk, and its answer rejects with `Unfinished`.
  async close() {
    this.#feed("stop");
    clearTimeout(this.#timer);
    this.#asking.abort();
    await this.#writing;
    this.#ends(new Unfinished(!(this.#log instanceof MemoryLog)));
  }

  #ends(why) {
    this.#end ??= why;
    for (const waiting of [...this.#given.values(), ...this.#pending.values()]) waiting.reject(this.#end);
  }

  #feed(type, members) {
    const moment = { at: this.#clock.nowMs(), wall: this.#clock.wallMs(), chance: Math.random() };
    for (const output of this.#machine.receive({ type, ...moment, ...members })) this.#perform(output);
    clearTimeout(this.#timer);
    const { due } = this.#machine;
    if (due !== null) this.#timer = this.#clock.callAt(due, () => this.#feed("wake"));
  }

  #perform(output) {
    const { type, id } = output;
    if (type === "append") {
      this.#writing = this.#writing.then(() => this.#append(output.record));
    } else if (type === "request") {
      this.#request(output);
    } else if (type === "done" || type === "conflict") {
      this.#over(output);
    } else if (type === "decline") {
      const given = this.#given.get(id);
      this.#forget(id);
      given?.reject(new TerminalError(`the outbox is ${output.why}`));
    } else if (type === "hold") {
      this.#told.onHold?.(output.reason);
    } else if (type === "stop") {
      this.#ends(new StorageFailed("storage", null, output.detail));
    }
  }

  #over({ type, id, status, problem, body }) {
    const [command, pending] = this.#forget(id);
    if (type === "done") {
      pending?.resolve(body ?? {});
      this.#told.onDone?.(command, body ?? {});
    } else {
      const conflict = new Conflict(status, problem, body);
      pending?.reject(conflict);
      this.#told.onConflict?.(command, conflict);
    }
  }

  #forget(id) {
    const found = [this.#commands.get(id) ?? {}, this.#pending.get(id)];
    this.#commands.delete(id);
    this.#pending.delete(id);
    return found;
  }

  async #append(entry) {
    try {
      await this.#log.append(entry);
    } catch (error) {
      this.#feed("append_failed", { detail: String(error) });
      return;
    }
    this.#records += 1;
    if (entry.end && this.#records > this.#compactAt) await this.#compact(entry.end);
    if (entry.add) {
      take(entry, this.#commands);
      this.#given.get(entry.add.id)?.resolve();
      this.#feed("added", { id: entry.add.id });
    } else if (entry.try) {
      take(entry, this.#commands);
      this.#feed("tried", { id: entry.try });
    } else {
      this.#feed("ended", { id: entry.end });
    }
  }

  // Only of that which the disk has at this moment: one that is about to be given may be declined yet.
  async #compact(ended) {
    const left = [];
    for (const { tried, ...add } of this.#commands.values()) {
      if (add.id === ended) continue;
      left.push({ add, wall: 0 });
      if (tried !== null) left.push({ try: add.id, wall: tried });
    }
    try {
      await this.#log.rewrite(left);
      this.#records = left.length;
    } catch {
      // The log is as it was, only long; whether the disk takes anything, the next record shows.
    }
    this.#compactAt = this.#records + COMPACT_RECORDS;
  }

  async #request({ id, method, path, body }) {
    try {
      const asked = { body, headers: { "Idempotency-Key": id }, signal: this.#asking.signal };
      const answer = await this.#client.ask(method, path, asked);
      const { status, problem, json, retryAfterMs } = answer;
      this.#feed("answered", { id, status, problem, body: json, retryAfterMs });
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.#feed("failed", { id, reason: error.message });
    }
  }
}
