// The strips below the bar: what is wrong, and the one thing to do about it.

import { el, replace } from "../common/dom.js";
import { isAway, lightOf } from "./link.js";

// The strips to show, the gravest first: `[{tone, words, action}]`. Pure.
export function noticesOf({ state, isBlocked, isHeld, shop }, texts) {
  const say = (key, values) => texts.say(key, values);
  const found = [];
  if (isAway(state)) {
    const { action } = lightOf(state);
    found.push({ tone: state.state === "offline" ? "warn" : "bad", words: say(`notice.${state.state}`), action });
  }
  if (isHeld && state.state !== "revoked") found.push({ tone: "bad", words: say("hold"), action: "pair" });
  if (isBlocked) found.push({ tone: "warn", words: say("notice.sound"), action: "sound" });
  if (shop?.paused) {
    const words = shop.pausedReason ? say("notice.paused.why", { reason: shop.pausedReason }) : say("notice.paused");
    found.push({ tone: "warn", words, action: null });
  }
  return found;
}

export class Notices {
  node = el("div", { class: "notices", role: "status" });
  #texts;
  #acts;
  #shown = "";

  // `acts` has what the actions of notices do, by name.
  constructor(texts, acts) {
    this.#texts = texts;
    this.#acts = acts;
  }

  show(facts) {
    const found = noticesOf(facts, this.#texts);
    const key = JSON.stringify(found);
    // The same words are not said again.
    if (key === this.#shown) return;
    this.#shown = key;
    replace(this.node, found.map(({ tone, words, action }) =>
      el("div", { class: `notice ${tone}` }, el("span", {}, words),
        action && el("button", { class: "button little", type: "button", onclick: () => this.#acts[action]() }, this.#texts.say(`act.${action}`)))));
  }
}
