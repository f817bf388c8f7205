// Commands on the disk, carried out one after the other: what the outbox's machine says, done with a log and `fetch`.
//
// A command is given when `submit` answers: from then on neither a restart nor offline hours lose it; it is done once.
//
// Of the tabs that share a terminal one carries out the commands of all: `lead`. The others give it theirs, and give them
// again to each new leader; a command that comes twice has one id, and is one command.

import { Clock, sleep } from "./clock.js";
import { Dispatch } from "./core/dispatch.js";
import { Damaged } from "./core/records.js";
import { Conflict, InUse, StorageFailed, TerminalError, Unfinished, Unreachable } from "./errors.js";
import { later, newId } from "./small.js";
import { MemoryLog } from "./stores.js";

const COMPACT_RECORDS = 2_000;
// So long after another tab took the log this one hears that it no longer leads.
const LOST_MS = 6_000;

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
  #tabs = null;
  #isLeading = false;
  // Those that are on the disk.
  #commands = new Map();
  // Those of this tab that have no answer yet, and those that wait for the disk.
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

  constructor({ log = null, onConflict, onDone, onHold, clock = new Clock() } = {}) {
    this.#log = log;
    this.#told = { onConflict, onDone, onHold };
    this.#clock = clock;
  }

  get waiting() {
    return this.#isLeading ? this.#machine.waiting : this.#commands.size;
  }

  // Whether its owner gave it a log.
  get hasLog() {
    return this.#log !== null;
  }

  // Those that are given and not done, the oldest first.
  get commands() {
    return [...this.#commands.values()];
  }

  // Where it goes, and where its log is if its owner gave none.
  connect(client, log = new MemoryLog()) {
    this.#client = client;
    this.#log ??= log;
  }

  async start(client) {
    this.connect(client);
    await this.lead();
  }

  // Read what the disk has, and go on from there. Throws `Damaged`.
  async lead() {
    await this.#writing;
    await this.#log.hold?.();
    const records = await this.#log.load();
    this.#commands = new Map();
    for (const entry of records) take(entry, this.#commands);
    this.#records = records.length;
    this.#compactAt = COMPACT_RECORDS;
    this.#machine = new Dispatch();
    this.#asking = new AbortController();
    this.#isLeading = true;
    this.#feed("start", { commands: this.commands });
    this.#giveAgain();
  }

  // The tabs that share it.
  share(tabs) {
    this.#tabs = tabs;
  }

  // Another tab leads now.
  follow() {
    if (!this.#isLeading) return;
    this.#isLeading = false;
    this.#rest();
    for (const { reject } of this.#given.values()) reject(new InUse("another tab leads now"));
  }

  // Learn from a new leader what there is, and give it what it does not know.
  async mirror() {
    try {
      const commands = await this.#tabs.ask("commands");
      if (this.#isLeading) return;
      this.#commands = new Map(commands.map((command) => [command.id, command]));
      this.#giveAgain();
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
    }
  }

  // A leader may have died between the end of a command and the word of it: the server knows the command again.
  #giveAgain() {
    for (const [id, { command, isGiven }] of this.#pending) {
      if (isGiven && !this.#commands.has(id)) this.#tabs?.ask("submit", command).catch(() => {});
    }
  }

  // What another tab asks.
  async answer(kind, body) {
    if (kind === "submit") await this.#take(body);
    else if (kind === "release") this.release();
    else if (kind === "commands") return this.commands;
    return null;
  }

  // What the leader tells all tabs.
  hear(kind, body) {
    if (kind === "given") this.#commands.set(body.id, body);
    else if (kind === "over") this.#over(body);
    else if (kind === "hold") this.#told.onHold?.(body);
    else if (kind === "storage") this.#ends(new StorageFailed("storage", null, body));
  }

  // Give a command; it is on the disk when this answers `{id, answer}`, where `answer` is a promise of its document.
  async submit(method, path, body = null) {
    const command = { id: newId(), method, path, body };
    const { id } = command;
    // An owner may not care for the answer: then it is told by `onConflict` alone.
    const pending = { command, isGiven: false, ...later() };
    this.#pending.set(id, pending);
    try {
      await (this.#tabs ? this.#tabs.ask("submit", command) : this.#take(command));
    } catch (error) {
      this.#pending.delete(id);
      throw this.#end ?? error;
    }
    pending.isGiven = true;
    return { id, answer: pending.promise };
  }

  // Put a command on the disk, where it is not there already.
  async #take(command) {
    const { id } = command;
    if (this.#commands.has(id)) return;
    if (!this.#given.has(id)) {
      this.#given.set(id, later());
      this.#feed("add", { command });
    }
    try {
      await this.#given.get(id)?.promise;
    } finally {
      this.#given.delete(id);
    }
  }

  // The key is good again: go on.
  release() {
    if (this.#tabs && !this.#isLeading) this.#tabs.ask("release").catch(() => {});
    else this.#feed("release");
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
    this.#rest();
    await this.#writing;
    this.#ends(new Unfinished(this.#log !== null && !(this.#log instanceof MemoryLog)));
  }

  #rest() {
    this.#feed("stop");
    clearTimeout(this.#timer);
    this.#asking.abort();
  }

  #ends(why) {
    this.#end ??= why;
    for (const waiting of [...this.#given.values(), ...this.#pending.values()]) waiting.reject(this.#end);
  }

  #cast(kind, body) {
    this.#tabs?.cast(kind, body);
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
      const over = { ...output, command: this.#commands.get(id) };
      this.#cast("over", over);
      this.#over(over);
    } else if (type === "decline") {
      this.#given.get(id)?.reject(new TerminalError(`the outbox is ${output.why}`));
    } else if (type === "hold") {
      this.#cast("hold", output.reason);
      this.#told.onHold?.(output.reason);
    } else if (type === "stop") {
      this.#cast("storage", output.detail);
      this.#ends(new StorageFailed("storage", null, output.detail));
    }
  }

  #over({ type, id, command = {}, status, problem, body }) {
    const pending = this.#pending.get(id);
    this.#commands.delete(id);
    this.#pending.delete(id);
    if (type === "done") {
      pending?.resolve(body ?? {});
      this.#told.onDone?.(command, body ?? {});
    } else {
      const conflict = new Conflict(status, problem, body);
      pending?.reject(conflict);
      this.#told.onConflict?.(command, conflict);
    }
  }

  async #append(entry) {
    try {
      await this.#log.append(entry);
    } catch (error) {
      if (error instanceof InUse && this.#tabs) await sleep(LOST_MS);
      if (!this.#tabs || this.#isLeading) this.#feed("append_failed", { detail: String(error) });
      return;
    }
    this.#records += 1;
    if (entry.end && this.#records > this.#compactAt) await this.#compact(entry.end);
    if (entry.add) {
      take(entry, this.#commands);
      this.#given.get(entry.add.id)?.resolve();
      this.#cast("given", this.#commands.get(entry.add.id));
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
