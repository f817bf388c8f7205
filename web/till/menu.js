// The drawer at the side: other things than orders, and how this till looks.

import { el } from "../common/dom.js";
import { nextTheme, setTheme, theme } from "../common/theme.js";
import { icon } from "./icons.js";
import { TEXTS } from "./texts.js";

// Open it. `acts`: `[{icon, words, run}]`; `choose(language)`; `forget()`. It closes itself.
export function openMenu(texts, { acts, choose, forget }) {
  const say = (key) => texts.say(key);
  const dialog = el("dialog", { class: "drawer", "aria-label": say("menu.open") });
  const close = () => dialog.close();
  const entry = ({ icon: picture, words, run }) =>
    el("button", { class: "button quiet entry", type: "button", onclick: () => (close(), run()) }, icon(picture), el("span", {}, words));
  const look = el("button", {
    class: "button quiet entry", type: "button",
    onclick: () => {
      setTheme(nextTheme(theme()));
      look.lastElementChild.textContent = say(`menu.theme.${theme()}`);
    },
  }, el("span", { class: "grow" }, say("menu.theme")), el("span", { class: "muted" }, say(`menu.theme.${theme()}`)));
  const language = el("select", { onchange: (event) => (close(), choose(event.target.value)) },
    texts.languages.map((one) => el("option", { value: one, selected: one === texts.language, lang: one }, TEXTS[one].language)));
  dialog.append(
    el("div", { class: "row apart" }, el("h2", {}, say("menu.open")), el("button", { class: "button quiet square", type: "button", "aria-label": say("menu.close"), onclick: close }, icon("cross"))),
    el("div", { class: "entries" }, acts.map(entry), look),
    el("label", { class: "field" }, el("span", {}, say("menu.language")), language),
    el("details", { class: "keys-list" }, el("summary", {}, say("keys")),
      el("ul", {}, ["arrows", "enter", "digits", "back", "cancel", "print", "details"].map((name) => el("li", {}, say(`keys.${name}`))))),
    el("details", { class: "keys-list" }, el("summary", {}, say("help")), [1, 2, 3].map((n) => el("p", {}, say(`help.${n}`)))),
    el("button", { class: "button danger", type: "button", onclick: () => (close(), forget()) }, say("menu.forget")),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  document.body.append(dialog);
  dialog.showModal();
}
