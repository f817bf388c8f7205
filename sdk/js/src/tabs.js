// The tabs of a browser that share one terminal. One of them leads; the others ask it, and hear what it says to all.
//
// Web Locks elect: when a tab closes or dies, the browser gives the lock to the next one. A question is asked again of
// each new leader, so it has to be one that may come twice. A leader that says nothing at all loses its place: it may be
// frozen, and a frozen page keeps its locks.

import { sleep } from "./clock.js";
import { InUse, TerminalError } from "./errors.js";
import { later, newId } from "./small.js";

const PATIENCE_MS = 5_000;

export class Tabs {
  isLeading = false;
  id = newId();
  #name;
  #told;
  #channel;
  #questions = new Map();
  #standing = new AbortController();
  #beginning = null;
  #isServing = false;
  #letGo = () => {};
  #isOver = false;

  // `told`: `lead()` makes it ready to answer, `follow()` is called where the lead was lost, `answer(kind, body, isOwn)`
  // answers a question, `hear(kind, body)` takes what a leader says to all, `fail(error)` what nobody waits for.
  constructor(name, told) {
    this.#name = name;
    this.#told = told;
  }

  // Lead where nobody does, or follow. Throws what `lead` throws.
  async join() {
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    const { promise, resolve, reject } = later();
    this.#request({ ifAvailable: true }, resolve).catch(reject);
    if (await promise) await this.#beginning;
    else this.#stand();
  }

  // Ask the leader, whoever that is or will be.
  ask(kind, body) {
    const question = { id: newId(), kind, body, timer: null, ...later() };
    if (this.#isOver) {
      question.reject(new TerminalError("the terminal is closed"));
      return question.promise;
    }
    this.#questions.set(question.id, question);
    this.#put(question);
    return question.promise;
  }

  // Say it to all other tabs.
  cast(kind, body) {
    if (this.#isServing) this.#post({ cast: kind, body });
  }

  // Lead, whoever does now.
  steal() {
    if (this.#isOver || this.isLeading) return;
    this.#standing.abort();
    this.#request({ steal: true });
  }

  // Answer nothing more: what is asked from now on is for the next leader.
  rest() {
    this.#isServing = false;
  }

  close() {
    this.#isOver = true;
    this.isLeading = this.#isServing = false;
    this.#standing.abort();
    this.#letGo();
    this.#channel?.close();
    for (const { timer, reject } of this.#questions.values()) {
      clearTimeout(timer);
      reject(new TerminalError("the terminal is closed"));
    }
    this.#questions.clear();
  }

  // Stand in line.
  #stand() {
    this.#standing = new AbortController();
    this.#request({ signal: this.#standing.signal });
  }

  async #request(wish, told) {
    let held = false;
    try {
      await navigator.locks.request(this.#name, wish, (lock) => {
        held = Boolean(lock) && !this.#isOver;
        const until = held ? this.#lead() : undefined;
        told?.(held);
        return until;
      });
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      // Another tab took it, or we stand no longer.
      if (held && !this.#isOver) this.#lost();
    }
  }

  #lead() {
    this.isLeading = true;
    this.#beginning = this.#begin();
    this.#beginning.catch((error) => {
      this.#letGo();
      this.#told.fail(error);
    });
    return new Promise((resolve) => (this.#letGo = resolve));
  }

  async #begin() {
    await this.#told.lead();
    if (!this.isLeading) return;
    this.#isServing = true;
    this.cast("lead");
    this.#putAll();
  }

  #lost() {
    this.isLeading = this.#isServing = false;
    this.#told.follow();
    this.#stand();
    this.#putAll();
  }

  #putAll() {
    for (const question of [...this.#questions.values()]) this.#put(question);
  }

  #put(question) {
    const { id, kind, body } = question;
    clearTimeout(question.timer);
    if (this.isLeading) {
      if (this.#isServing) this.#serve(kind, body, true, (said) => this.#take({ answer: id, ...said }));
      return;
    }
    this.#post({ ask: kind, body, id, from: this.id });
    question.timer = setTimeout(() => this.steal(), PATIENCE_MS);
  }

  // Answer a question; where the lead was lost over it, the next leader does.
  async #serve(kind, body, isOwn, say) {
    let said;
    try {
      said = { ok: await this.#told.answer(kind, body, isOwn) };
    } catch (error) {
      if (error instanceof InUse) await sleep(PATIENCE_MS);
      said = { failed: isOwn ? error : { name: error.name, message: error.message } };
    }
    if (this.#isServing) say(said);
  }

  #take({ answer, ok, failed }) {
    const question = this.#questions.get(answer);
    if (!question) return;
    this.#questions.delete(answer);
    clearTimeout(question.timer);
    if (failed === undefined) question.resolve(ok);
    else question.reject(failed instanceof Error ? failed : Object.assign(new TerminalError(failed.message), failed));
  }

  #post(message) {
    if (!this.#isOver) this.#channel.postMessage(message);
  }

  #receive(data) {
    if (this.#isOver || (data.to && data.to !== this.id)) return;
    if (data.ask) this.#asked(data);
    else if (data.answer) this.#take(data);
    else if (data.heard) clearTimeout(this.#questions.get(data.heard)?.timer);
    else if (data.cast === "lead") this.#putAll();
    else if (!this.isLeading) this.#told.hear(data.cast, data.body);
  }

  #asked({ ask, body, id, from }) {
    if (!this.isLeading) return;
    this.#post({ to: from, heard: id });
    // One that is asked before this tab is ready comes again when it says that it leads.
    if (this.#isServing) this.#serve(ask, body, false, (said) => this.#post({ to: from, answer: id, ...said }));
  }
}
