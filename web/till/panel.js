// A drawer at the side with a title, and the small parts that its forms share.

import { el, setText } from "../common/dom.js";
import { icon } from "./icons.js";
import { NoAnswer } from "./ask.js";

// Open it with this in it; `name` is its class.
export function openPanel(texts, title, content, name = "") {
  const dialog = el("dialog", { class: `drawer ${name}`, "aria-labelledby": "panel-title" });
  const close = () => dialog.close();
  dialog.append(
    el("header", { class: "row apart" }, el("h2", { id: "panel-title" }, title),
      el("button", { class: "button quiet square", type: "button", "aria-label": texts.say("menu.close"), onclick: close }, icon("cross"))),
    ...content,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  document.body.append(dialog);
  dialog.showModal();
}

export const field = (words, input) => el("label", { class: "field" }, el("span", {}, words), input);

// The place of a form's outcome: said aloud, good or bad.
export class Outcome {
  node = el("p", { class: "outcome", role: "status" });

  say(words, tone = "") {
    this.node.dataset.tone = tone;
    setText(this.node, words);
  }
}

// A form whose buttons are off while its work is done; a refusal is said. `choices` are `[name, words, tone]` of its
// buttons, the first of which Enter takes; `work(elements, name)` does it, and throws with words for a person.
export function formOf(texts, outcome, { fields, choices, work }) {
  const buttons = choices.map(([name, words, tone = "main"]) => el("button", { class: `button ${tone}`, type: "submit", value: name }, words));
  const turn = (isOff) => {
    for (const button of buttons) button.disabled = isOff;
  };
  const submit = async (event) => {
    event.preventDefault();
    const name = event.submitter?.value ?? choices[0][0];
    turn(true);
    outcome.say("");
    try {
      await work(event.target.elements, name);
    } catch (error) {
      outcome.say(complaintOf(error, texts), "bad");
    } finally {
      turn(false);
    }
  };
  return el("form", { class: "stack", onsubmit: submit }, fields, el("div", { class: "choices" }, buttons));
}

// A refusal in words: ours where there are some, else the server's.
export function complaintOf(error, texts) {
  if (error instanceof NoAnswer) return texts.say("asked.nobody");
  const key = `refused.${error.problem}`;
  const ours = texts.say(key);
  if (ours !== key) return ours;
  return error.body?.errors?.[0]?.msg ?? error.body?.detail ?? error.message;
}

// An amount as people type it, as the contract takes it: `12,5` is 12.5.
export const amountOf = (text) => text.trim().replace(",", ".");
