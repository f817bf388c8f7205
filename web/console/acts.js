// The acts of an operator: each is asked about first, done by one call, told, and in the audit trail.

import { confirm } from "../common/parts.js";
import { Refused } from "./api.js";
import { askFor, showOnce } from "./parts.js";
import { moment, say } from "./words.js";

const DAY_SECONDS = 86_400;

export class Acts {
  #operator;
  #toasts;

  constructor(operator, toasts) {
    this.#operator = operator;
    this.#toasts = toasts;
  }

  // Ask, do, tell. True when it was done.
  async #act(question, work, done) {
    const answer = await question;
    if (!answer || !this.#operator.isThere) return false;
    try {
      const made = await work(answer);
      if (done) this.#toasts.say(done);
      return made ?? true;
    } catch (error) {
      if (!(error instanceof Refused) && error.name !== "AbortError") throw error;
      if (error instanceof Refused) this.#toasts.say(error.message, { tone: "bad", seconds: 12 });
      return false;
    }
  }

  drain(gateway) {
    const question = confirm(say("drainAsk", { gateway }), say("drainWhat"), say("drain"), say("no"), "danger");
    return this.#act(question, () => this.#operator.drain(gateway), say("drainDone", { gateway }));
  }

  resume(gateway) {
    const question = confirm(say("resumeAsk", { gateway }), say("resumeWhat"), say("resume"), say("no"));
    return this.#act(question, () => this.#operator.resume(gateway), say("resumeDone", { gateway }));
  }

  pause(tenant) {
    const fields = [{ name: "reason", label: say("pauseReason"), maxlength: 200, placeholder: say("pauseExample") }];
    const question = askFor(say("pauseAsk", { tenant }), say("pauseWhat"), fields, say("pause"), "danger");
    return this.#act(
      question,
      ({ reason }) => this.#operator.pause(tenant, reason.trim()),
      say("pauseDone", { tenant }),
    );
  }

  unpause(tenant) {
    const question = confirm(say("unpauseAsk", { tenant }), say("unpauseWhat"), say("unpause"), say("no"));
    return this.#act(question, () => this.#operator.unpause(tenant), say("unpauseDone", { tenant }));
  }

  async pair(tenant) {
    const fields = [
      { name: "name", label: say("pairName"), required: true, maxlength: 100, placeholder: say("pairExample") },
      { name: "role", label: say("pairRole"), maxlength: 64 },
    ];
    const question = askFor(say("pairAsk"), say("pairWhat"), fields, say("pair"));
    const made = await this.#act(question, ({ name, role }) => this.#operator.pair(tenant, name.trim(), role.trim()));
    if (!made) return false;
    await showOnce(say("pairMade", { name: made.name }), say("pairType", { until: moment(made.expiresAt) }), made.code);
    return true;
  }

  async rotate(tenant, { terminalId, name }) {
    const options = [
      [DAY_SECONDS, say("rotateDay")],
      [3_600, say("rotateHour")],
      [0, say("rotateNow")],
    ];
    const fields = [{ name: "overlap", label: say("rotateOverlap"), options }];
    const question = askFor(say("rotateAsk", { name }), say("rotateWhat"), fields, say("rotate"));
    const made = await this.#act(question, ({ overlap }) => this.#operator.rotate(tenant, terminalId, Number(overlap)));
    if (!made) return false;
    const until = made.previousValidUntil;
    const words = until ? say("rotateUntil", { until: moment(until) }) : say("rotateEnded");
    await showOnce(say("rotateMade", { name }), words, made.key);
    return true;
  }

  revoke(tenant, { terminalId, name }) {
    const question = confirm(say("revokeAsk", { name }), say("revokeWhat"), say("revoke"), say("no"), "danger");
    return this.#act(question, () => this.#operator.revoke(tenant, terminalId), say("revokeDone", { name }));
  }

  // Gives the attempt that came of it.
  ping(tenant, { id, url }) {
    const question = confirm(say("pingAsk"), say("pingWhat", { url }), say("ping"), say("no"));
    return this.#act(question, () => this.#operator.ping(tenant, id));
  }

  enable(tenant, { id, url }) {
    const question = confirm(say("enableAsk"), say("enableWhat", { url }), say("enable"), say("no"));
    return this.#act(question, () => this.#operator.enable(tenant, id), say("enableDone"));
  }
}
