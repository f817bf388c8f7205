// The door: an operator's key is typed, and goes from the field into memory at once.
//
// The field is no password field, since a browser offers to store what is in one, and has no name and no memory, since
// a browser fills a form again when a page is loaded anew. Its style shows dots.

import { el, setAttribute, setText } from "../common/dom.js";
import { readKey } from "./api.js";
import { say } from "./words.js";

export class SignIn {
  node;
  #field = el("input", {
    id: "key",
    type: "text",
    class: "masked mono",
    autocomplete: "off",
    autocapitalize: "none",
    autocorrect: "off",
    spellcheck: "false",
    "aria-describedby": "key-said key-kept",
    "data-1p-ignore": true,
    "data-lpignore": "true",
  });
  #said = el("p", { id: "key-said", class: "said", role: "alert" });
  #open = el("button", { class: "button main" }, say("open"));

  // `use(key)` is called with what was typed.
  constructor(use) {
    const form = el(
      "form",
      { class: "card stack signin", autocomplete: "off" },
      el("h1", { tabindex: -1 }, say("signIn")),
      el("p", { class: "muted" }, say("signInWhat")),
      el("label", { class: "field", for: "key" }, el("span", {}, say("key")), this.#field),
      this.#said,
      this.#open,
      el("p", { id: "key-kept", class: "muted small" }, say("keyKept")),
      el(
        "p",
        { class: "muted small" },
        say("keyWhere"),
        " ",
        el("code", {}, "bellwire keys add --name NAME"),
        "; ",
        say("keyDemo"),
        " ",
        el("code", {}, "bellwire demo-key --operator"),
        ".",
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { key, fault } = readKey(this.#field.value);
      if (fault) {
        this.say(say(fault), "bad");
        this.#field.focus();
        return;
      }
      this.clear();
      use(key);
    });
    this.node = el("div", { class: "door" }, form);
  }

  // Nothing of a key is left in the page.
  clear() {
    this.#field.value = "";
    this.say("");
  }

  say(words, tone = "") {
    setText(this.#said, words);
    setAttribute(this.#said, "data-tone", tone);
    setAttribute(this.#field, "aria-invalid", tone === "bad" ? "true" : null);
  }

  focus() {
    this.#field.focus();
  }
}
