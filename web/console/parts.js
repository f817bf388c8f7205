// The parts of the console's views: tables that keep their rows, cards with their five states, a secret shown once.

import { el, KeyedList, replace, setAttribute, setText } from "../common/dom.js";
import { ask } from "../common/parts.js";
import { Refused } from "./api.js";
import { say } from "./words.js";

export const tag = (words, tone = "") => el("span", { class: `tag ${tone}` }, words);

export const button = (words, onclick, more = {}) =>
  el("button", { class: "button little", type: "button", onclick, ...more }, words);

// Write what a cell shows: a text, or nodes. Nodes that would look the same stay, and with them the focus of a link in
// there.
export function fill(node, shown) {
  if (typeof shown === "string") {
    setText(node, shown);
    return;
  }
  const fresh = el(node.localName, {}, shown);
  const same =
    fresh.childNodes.length === node.childNodes.length &&
    [...fresh.childNodes].every((child, n) => child.isEqualNode(node.childNodes[n]));
  if (!same) replace(node, ...fresh.childNodes);
}

// A table whose rows stay what they are, focus and all, while their values change.
//
// A column is {head, number?, isExtra?, shown(value)}, where what is shown has no handlers; or {head, build(current),
// update?(cell, value)}: made once for a row, where `current()` is the newest value. On a phone a row is a card, and
// each cell names its column; on a tablet what is extra is left out.
export class Table {
  node;
  #list;
  #empty;
  #table;

  constructor({ caption, columns, keyOf, empty, isBad = () => false }) {
    const heads = columns.map((column) => el("th", { scope: "col", class: kindOf(column) }, column.head));
    const body = el("tbody");
    this.#table = el(
      "table",
      { class: "grid" },
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, heads)),
      body,
    );
    this.#empty = el("p", { class: "empty" }, empty);
    this.node = el("div", { class: "table" }, this.#table, this.#empty);
    const newest = new Map();
    this.#list = new KeyedList(body, {
      keyOf,
      make: (value) => {
        const key = keyOf(value);
        newest.set(key, value);
        return el(
          "tr",
          {},
          columns.map((column) =>
            el(
              "td",
              { "data-head": column.head, class: kindOf(column) },
              column.build?.(() => newest.get(key)),
            ),
          ),
        );
      },
      update: (row, value) => {
        newest.set(keyOf(value), value);
        setAttribute(row, "data-bad", isBad(value));
        columns.forEach(({ shown, update }, n) => {
          if (shown) fill(row.children[n], shown(value));
          update?.(row.children[n], value);
        });
      },
    });
    this.show([]);
  }

  nodeOf(key) {
    return this.#list.nodeOf(key);
  }

  show(values) {
    this.#list.show(values);
    this.#table.hidden = values.length === 0;
    this.#empty.hidden = values.length !== 0;
  }
}

const kindOf = ({ number, build, isExtra }) =>
  [number && "number", build && "acts", isExtra && "extra"].filter(Boolean).join(" ") || null;

// A card with a heading. `tools` stand beside it.
export function card(title, { tools = [], name = null, wide = false } = {}, ...children) {
  const id = `title-${title.replace(/\W+/g, "-").toLowerCase()}`;
  return el(
    "section",
    { class: `card part ${wide ? "wide" : ""}`, "aria-labelledby": id, id: name },
    el("div", { class: "row apart head" }, el("h2", { id }, title), el("div", { class: "row tools" }, tools)),
    children,
  );
}

// A quick answer needs no word about waiting for it.
const SLOW_MS = 300;

// A place for what is read once. It is empty until the first answer is there; it tells that this takes long, and what
// went wrong.
export class Reading {
  node = el("div", { class: "reading" });
  #said = el("p", { class: "wrong", role: "alert", hidden: true });
  #again = button(say("again"), () => this.run(), { hidden: true });
  #slow = el("p", { class: "muted", hidden: true }, say("reading"));
  #frame = el("div", { class: "frame", hidden: true });
  #read;
  #show;

  constructor(read, show) {
    this.#read = read;
    this.#show = show;
    this.node.append(el("div", { class: "row" }, this.#said, this.#again), this.#slow, this.#frame);
  }

  get frame() {
    return this.#frame;
  }

  // Read it and show it; true when that was done. An older reading stays until there is a newer one, also where that
  // fails.
  async run() {
    const slow = setTimeout(() => (this.#slow.hidden = !this.#frame.hidden), SLOW_MS);
    setAttribute(this.#frame, "aria-busy", "true");
    try {
      const found = await this.#read();
      this.#say("");
      this.#frame.hidden = false;
      this.#show(found);
      return true;
    } catch (error) {
      // A fault of the page itself is no refusal: it is to be heard of.
      if (!(error instanceof Refused) && error.name !== "AbortError") throw error;
      if (error instanceof Refused) this.#say(error.message);
      return false;
    } finally {
      clearTimeout(slow);
      this.#slow.hidden = true;
      setAttribute(this.#frame, "aria-busy", null);
    }
  }

  #say(words) {
    setText(this.#said, words);
    this.#said.hidden = this.#again.hidden = !words;
  }
}

// The foot of a dialog that only shows something.
export const closeRow = (finish) =>
  el(
    "div",
    { class: "row" },
    el("button", { class: "button", type: "button", onclick: () => finish(null) }, say("close")),
  );

// Something that is shown once: a key, a code.
export const showOnce = (title, words, secret, more = []) =>
  ask(title, (finish) => {
    const shown = el("output", { class: "secret mono" }, secret);
    const copied = el("span", { class: "muted small", role: "status" });
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(secret);
        setText(copied, say("copied"));
      } catch {
        getSelection().selectAllChildren(shown);
        setText(copied, say("copyYourself"));
      }
    };
    return [
      el("p", {}, words),
      shown,
      more,
      el(
        "div",
        { class: "row" },
        el("button", { class: "button main", type: "button", onclick: () => finish(true) }, say("noted")),
        el("button", { class: "button", type: "button", onclick: copy }, say("copy")),
        copied,
      ),
    ];
  });

// A dialog with fields. `fields` are {name, label, kind?, options?, …}; resolves with their values, null where it was
// left.
export const askFor = (title, words, fields, yes, tone = "") =>
  ask(title, (finish) => {
    const form = el(
      "form",
      { class: "stack", autocomplete: "off" },
      el("p", {}, words),
      fields.map(({ name, label, options, ...more }) =>
        el(
          "label",
          { class: "field" },
          el("span", {}, label),
          options
            ? el(
                "select",
                { name },
                options.map(([value, shown]) => el("option", { value }, shown)),
              )
            : el("input", { name, autocomplete: "off", ...more }),
        ),
      ),
      el(
        "div",
        { class: "row" },
        el("button", { class: `button main ${tone}` }, yes),
        el("button", { class: "button", type: "button", onclick: () => finish(null) }, say("no")),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      finish(Object.fromEntries(new FormData(form)));
    });
    return form;
  });
