// One till of the wall, on its tile: where it is connected, what it was handed last, how long that took.

import { el, setAttribute, setText } from "../common/dom.js";
import { LINE_MS } from "./chart.js";

const number = new Intl.NumberFormat("en");

const WORDS = {
  new: () => "starting",
  connecting: () => "connecting",
  live: () => "live",
  catching_up: ({ done, of }) => (of === null ? "catching up" : `replaying ${done} of ${of}`),
  offline: () => "away",
  resetting: () => "resetting",
  replaced: () => "replaced",
  revoked: () => "key ended",
  stopped: () => "stopped",
};
const LIGHTS = { live: "good", catching_up: "warn", connecting: "warn", new: "warn", resetting: "warn" };

export const wordsOf = (state) => (WORDS[state.state] ?? (() => state.state))(state);
export const lightOf = (state) => LIGHTS[state.state] ?? "bad";

export class Tile {
  #parts;

  constructor(name) {
    this.state = { state: "new" };
    this.pod = null;
    this.last = null;
    this.took = null;
    this.count = 0;
    this.replayed = 0;
    const part = (tag, className) => el(tag, { class: className });
    this.#parts = {
      state: part("span", "light"), pod: part("span", "pod muted small"), last: part("p", "last"),
      count: part("span", "count"), took: part("strong", "took"),
    };
    const { state, pod, last, count, took } = this.#parts;
    this.element = el("li", { class: "tile" }, el("div", { class: "head" }, el("h3", {}, name), pod), state, last,
      el("p", { class: "facts small muted number" }, took, count));
  }

  // Write what changed; a frame writes a tile once, however many orders came.
  draw() {
    const { state, pod, last, count, took } = this.#parts;
    const isAway = lightOf(this.state) === "bad" || ["connecting", "new"].includes(this.state.state);
    setAttribute(this.element, "data-state", isAway ? "away" : this.state.state);
    setAttribute(state, "data-tone", lightOf(this.state));
    setText(state, wordsOf(this.state));
    setText(pod, isAway ? "no gateway" : (this.pod ?? "…"));
    setAttribute(last, "data-none", this.last === null);
    setText(last, this.last ?? "no order yet");
    setText(count, `${number.format(this.count)} orders${this.replayed ? `, ${number.format(this.replayed)} replayed` : ""}`);
    setText(took, this.took === null ? "" : `${number.format(this.took)} ms`);
    setAttribute(took, "data-tone", this.took > LINE_MS ? "warn" : null);
  }
}
