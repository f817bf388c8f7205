// The outbox's machine: commands in the order in which they came, each done once, whatever the network does. Pure.
//
// A command is on the disk before it counts as given, and marked as tried before it is first sent. So a crash at any
// moment leaves one of three: never given, never sent, or sent under a key by which the server knows it again.

import { Backoff } from "./backoff.js";
import { isObject, PASSING } from "./values.js";
import { Wait } from "./wait.js";

const MOST_COMMANDS = 10_000;
// The server knows a key again for seven days; a day is for clocks.
const KNOWN_AGAIN_MS = 6 * 24 * 3_600_000;
const FIRST_MS = 1_000;

export class Dispatch {
  #out = [];
  #now = 0;
  #wall = 0;
  #chance = 0;
  #commands = [];
  #stage = "idle";
  #ending = null;
  #wait = new Wait();
  #held = false;
  #over = false;
  #backoff = new Backoff(FIRST_MS);

  get waiting() {
    return this.#commands.length;
  }

  get due() {
    return this.#over ? null : this.#wait.until;
  }

  receive(given) {
    this.#now = Math.max(this.#now, Math.floor(given.at));
    this.#wall = Math.floor(given.wall ?? this.#wall);
    this.#chance = given.chance ?? 0.5;
    const take = this[`on_${given.type}`];
    if (!take) throw new TypeError(`there is no input ${given.type}`);
    take.call(this, given);
    this.#advance();
    const out = this.#out;
    this.#out = [];
    return out;
  }

  on_start(given) {
    this.#commands.push(...given.commands.map((command) => ({ ...command })));
  }

  on_add({ command }) {
    if (this.#over || this.#commands.length >= MOST_COMMANDS) {
      this.#say({ type: "decline", id: command.id, why: this.#over ? "closed" : "full" });
      return;
    }
    this.#commands.push({ ...command, tried: null, written: false });
    this.#say({ type: "append", record: { add: command, wall: this.#wall } });
  }

  on_added({ id }) {
    for (const command of this.#commands) if (command.id === id) command.written = true;
  }

  on_tried({ id }) {
    if (this.#isAt("marking", id)) this.#send();
  }

  on_ended({ id }) {
    if (!this.#isAt("ending", id)) return;
    this.#commands.shift();
    this.#say(this.#ending);
    this.#stage = "idle";
  }

  on_append_failed({ detail }) {
    this.#over = true;
    this.#say({ type: "stop", reason: "storage", detail });
  }

  on_answered({ id, status, problem = null, body = null, retryAfterMs }) {
    if (!this.#isAt("asking", id)) return;
    if (status >= 200 && status < 300 && (status === 204 || isObject(body))) {
      this.#backoff.steady();
      this.#end({ type: "done", id, status, body });
    } else if (problem === null || status >= 500 || PASSING.has(status) || problem === "still-running") {
      // A page of some hotel's network is no answer, whatever its status says.
      this.#rest(`${status} ${problem ?? ""}`.trimEnd(), retryAfterMs);
    } else if (status === 401) {
      this.#stage = "idle";
      this.#held = true;
      this.#say({ type: "hold", reason: problem });
    } else {
      this.#backoff.steady();
      this.#end({ type: "conflict", id, status, problem, body });
    }
  }

  on_failed({ id, reason }) {
    if (this.#isAt("asking", id)) this.#rest(reason, null);
  }

  on_online() {
    this.#wait.online(this.#now, this.#chance, this.#stage === "asking");
  }

  // Another key, or the same one in a shop that is on again.
  on_release() {
    this.#held = false;
  }

  on_wake() {
    if (this.#wait.isOver(this.#now)) {
      this.#wait.over();
      this.#stage = "idle";
    }
  }

  on_stop() {
    this.#over = true;
  }

  #advance() {
    const first = this.#commands[0];
    if (this.#over || this.#held || this.#stage !== "idle" || !first || first.written === false) return;
    if (first.tried == null) {
      first.tried = this.#wall;
      this.#stage = "marking";
      this.#say({ type: "append", record: { try: first.id, wall: this.#wall } });
    } else if (this.#wall - first.tried > KNOWN_AGAIN_MS) {
      // Sent once, and nobody knows what came of it: the server no longer knows the key, and might do it twice.
      this.#end({ type: "conflict", id: first.id, status: null, problem: "outcome-unknown", body: null });
    } else {
      this.#send();
    }
  }

  #send() {
    const { id, method, path, body } = this.#commands[0];
    this.#stage = "asking";
    this.#wait.over();
    this.#say({ type: "request", id, method, path, body });
  }

  #end(output) {
    this.#stage = "ending";
    this.#ending = output;
    this.#say({ type: "append", record: { end: output.id, outcome: output.type, wall: this.#wall } });
  }

  #rest(why, retryAfterMs) {
    const pause = this.#backoff.waitMs(this.#chance, null, retryAfterMs);
    const ms = this.#wait.begin(this.#now, pause, this.#chance, retryAfterMs != null);
    this.#stage = "resting";
    this.#say({ type: "wait", ms, why });
  }

  #isAt(stage, id) {
    return this.#stage === stage && this.#commands[0]?.id === id;
  }

  #say(output) {
    this.#out.push(output);
  }
}
