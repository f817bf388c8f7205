// One till of the wall, on its tile: where it is connected, what it was handed last, how long that took.

import { el, setAttribute, setText } from "../common/dom.js";

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
      state: part("span", "light"), pod: part("span", "pod"), last: part("p", "last"),
      count: part("span", "count"), took: part("span", "took"),
    };
    const { state, pod, last, count, took } = this.#parts;
    this.element = el("li", { class: "tile" }, el("h3", {}, name), state, last, el("p", { class: "facts small muted number" }, took, count, pod));
  }

  // Write what changed; a frame writes a tile once, however many orders came.
  draw() {
    const { state, pod, last, count, took } = this.#parts;
    const isAway = lightOf(this.state) === "bad" || ["connecting", "new"].includes(this.state.state);
    setAttribute(this.element, "data-state", isAway ? "away" : this.state.state);
    setAttribute(state, "data-tone", lightOf(this.state));
    setText(state, wordsOf(this.state));
    setText(pod, isAway ? "no gateway" : (this.pod ?? "…"));
    setText(last, this.last ?? "no order yet");
    setText(count, `${this.count} orders${this.replayed ? ` (${this.replayed} replayed)` : ""}`);
    setText(took, this.took === null ? "" : `${this.took} ms`);
  }
}
