// The head of the overview: the troubles of now, or that all is well.
//
// Ages in there change with each frame. They are read aloud only when there is another trouble, or one less.

import { el, replace, setText } from "../common/dom.js";
import { troubles } from "./troubles.js";
import { lasting, say, second } from "./words.js";

// A trouble in words.
function inWords({ text, values: { since, at, seconds, ...rest } }) {
  return say(text, {
    ...rest,
    since: since && second(since),
    at: at && second(at),
    seconds: seconds === undefined ? "" : lasting(seconds),
  });
}

export class Standing {
  node;
  count = 0;
  #list = el("ul", { class: "troubles", "aria-label": say("troubles") });
  // Without a connection the page shows what was, and says it.
  #well = el("p", { class: "well" }, el("span", {}, say("well")), el("span", { class: "then" }, say("wellThen")));
  #aloud = el("p", { class: "unseen", role: "status" });
  #known = null;
  #shown = null;

  constructor() {
    this.node = el("div", { class: "standing wide" }, this.#well, this.#list, this.#aloud);
  }

  show(frame) {
    const found = troubles(frame);
    const words = found.map(inWords);
    const shown = words.join("\n");
    if (shown !== this.#shown)
      replace(
        this.#list,
        found.map(({ tone }, n) => el("li", { "data-tone": tone }, words[n])),
      );
    const known = found.map(({ text, values }) => `${text} ${values.pod ?? ""}`).join("\n");
    if (known !== this.#known) setText(this.#aloud, words.join(" ") || say("well"));
    this.#list.hidden = found.length === 0;
    this.#well.hidden = found.length > 0;
    this.#shown = shown;
    this.#known = known;
    this.count = found.length;
  }
}
