// The small parts that pages share: the light of a connection, messages, dialogs, the corner that explains.

import { el, setAttribute, setText } from "./dom.js";

// `tone` is good, warn or bad; the words are said aloud when they change.
export class Light {
  node = el("p", { class: "light", role: "status" });

  show(tone, words) {
    setAttribute(this.node, "data-tone", tone);
    setText(this.node, words);
  }
}

// Messages at the foot of the page. `action` is {words, run}; one message stays `seconds`, or until `close()`.
export class Toasts {
  node = el("div", { class: "toasts", role: "status", "aria-live": "polite" });

  say(words, { tone = "", seconds = 6, action = null } = {}) {
    const toast = el("div", { class: `toast ${tone}` }, el("span", {}, words));
    const close = () => {
      clearTimeout(timer);
      toast.remove();
    };
    if (action) {
      const run = () => {
        close();
        action.run();
      };
      toast.append(el("button", { class: "button little", type: "button", onclick: run }, action.words));
    }
    const timer = seconds === null ? null : setTimeout(close, seconds * 1000);
    this.node.append(toast);
    // Those that nobody reads any more make room.
    while (this.node.childElementCount > 4) this.node.firstElementChild.remove();
    return close;
  }
}

// A dialog that is answered: resolves with what `finish(value)` was given, or null where it was left. `kind` is its class.
export function ask(title, build, kind = null) {
  return new Promise((resolve) => {
    const heading = el("h2", { id: "dialog-title" }, title);
    const dialog = el("dialog", { class: kind, "aria-labelledby": "dialog-title" });
    let answer = null;
    const finish = (value) => {
      answer = value;
      dialog.close();
    };
    dialog.append(el("div", { class: "stack" }, heading, build(finish)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    // A tap beside it leaves it.
    dialog.addEventListener("click", (event) => event.target === dialog && finish(null));
    document.body.append(dialog);
    dialog.showModal();
  });
}

// A question of yes and no.
export const confirm = (title, words, yes, no, tone = "") =>
  ask(title, (finish) => [
    el("p", {}, words),
    el(
      "div",
      { class: "row" },
      el("button", { class: `button main ${tone}`, type: "button", onclick: () => finish(true) }, yes),
      el("button", { class: "button", type: "button", onclick: () => finish(false) }, no),
    ),
  ]);

// "What am I seeing?", in the corner.
export const help = (title, ...paragraphs) =>
  el(
    "details",
    { class: "help" },
    el("summary", { "aria-label": title, title }, "?"),
    el("div", {}, el("h2", {}, title), paragraphs.map((words) => (typeof words === "string" ? el("p", {}, words) : words))),
  );
