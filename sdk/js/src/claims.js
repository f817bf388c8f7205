// A claim: of all terminals that want to do a thing with an order, one may; and it knows when it may no longer.

import { sleep } from "./clock.js";
import { isPassing } from "./core/values.js";
import { ClaimLost, Conflict, Refused, Unfinished, Unreachable } from "./errors.js";

const TRIES = 6;
const FIRST_WAIT_MS = 500;
const RENEWALS_A_LIFE = 3;

// `isMine`: this terminal has it. Otherwise `holder` says who has, or `done` that it is done. `fence` rises with each
// claim: hand it to whatever does the thing. `lost` turns true when it ran out and another took it.
export class Claim {
  fence = null;
  expiresAt = null;
  holder = null;
  done = false;
  lost = false;
  #client;
  #outbox;
  #network;
  #path;
  #purpose;
  #ttl;
  #ending = new AbortController();
  // Of the try before the wait.
  #since = 0;

  constructor(client, outbox, network, tenant, orderId, purpose, ttl) {
    this.#client = client;
    this.#outbox = outbox;
    this.#network = network;
    this.#path = `/api/tenant/${encodeURIComponent(tenant)}/orders/${encodeURIComponent(orderId)}/claims`;
    this.#purpose = purpose;
    this.#ttl = ttl;
  }

  get isMine() {
    return this.fence !== null && !this.lost;
  }

  get #donePath() {
    return `${this.#path}/${encodeURIComponent(this.#purpose)}/done`;
  }

  // Ask for it. Throws `Refused` where it is not to be had at all, `Unreachable` after some attempts.
  async open() {
    // It was done here, and the server has not heard of it yet: it would give the claim again.
    this.done = this.#outbox.commands.some((command) => command.path === this.#donePath);
    if (!this.done) await this.#ask();
    if (this.isMine) this.#renew();
    return this;
  }

  // Leave it without a word: it runs out, for another to take.
  leave() {
    this.#ending.abort();
  }

  // Say that it is done. Throws `ClaimLost` where another took it meanwhile: the thing may have been done twice, and
  // `Unfinished` where the outbox was closed first, and keeps nothing.
  async finish() {
    this.leave();
    if (this.fence === null) return;
    const { answer } = await this.#outbox.submit("POST", this.#donePath, { fence: this.fence });
    let timer;
    // On the disk it is safe: offline, it is said when there is a network again.
    const enough = new Promise((resolve) => (timer = setTimeout(resolve, this.#ttl * 1000)));
    try {
      await Promise.race([answer, enough]);
    } catch (error) {
      if (error instanceof Unfinished && error.kept) return;
      if (!(error instanceof Conflict)) throw error;
      this.lost = true;
      throw new ClaimLost(`${this.#purpose}: ${error.message}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask() {
    const body = { purpose: this.#purpose, ttlSeconds: this.#ttl };
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const wait = Math.random() * FIRST_WAIT_MS * 2 ** attempt;
      this.#since = this.#network.times;
      let answer;
      try {
        answer = await this.#client.ask("POST", this.#path, { body });
      } catch (error) {
        if (!(error instanceof Unreachable) || attempt === TRIES - 1) throw error;
        await this.#network.pause(wait, this.#since);
        continue;
      }
      const found = answer.json ?? {};
      if (answer.status === 200 && found.claimed === true) {
        if (this.fence !== null && found.fence !== this.fence) this.lost = true;
        this.fence = found.fence;
        this.expiresAt = found.expiresAt;
        return;
      }
      if (answer.status === 409 && ("holder" in found || found.done === true)) {
        this.holder = found.holder ?? null;
        this.done = found.done === true;
        this.lost = this.fence !== null;
        return;
      }
      if (!isPassing(answer.status) && answer.problem !== null) throw new Refused(answer.status, answer.problem, found);
      if (answer.retryAfterMs) await sleep(answer.retryAfterMs + wait);
      else await this.#network.pause(wait, this.#since);
    }
    throw new Unreachable(`${this.#path} has no answer`, true);
  }

  async #renew() {
    const { signal } = this.#ending;
    while (!this.lost) {
      await this.#network.pause((this.#ttl * 1000) / RENEWALS_A_LIFE, this.#since, signal);
      if (signal.aborted) return;
      try {
        await this.#ask();
      } catch (error) {
        if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
      }
    }
  }
}
