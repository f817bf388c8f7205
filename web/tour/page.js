// What the demo's pages share around their content: the theme's switch, the corner that explains, a trouble said loud.

import { el, setAttribute, setText } from "../common/dom.js";
import { help } from "../common/parts.js";
import { nextTheme, setTheme, theme } from "../common/theme.js";
import { carryToken, loadWhenAnother } from "./token.js";

const SIGNS = { system: "◐", light: "○", dark: "●" };

// Dress the page; `sentences` say what one is looking at.
export function dress(token, ...sentences) {
  carryToken(token);
  loadWhenAnother();
  setTheme(theme());
  const sign = el("span", { "aria-hidden": "true" }, SIGNS[theme()]);
  const name = el("span", { class: "name" }, theme());
  const button = el("button", { class: "button quiet little", type: "button" }, sign, el("span", { class: "unseen" }, "Theme: "), name);
  button.addEventListener("click", () => {
    setTheme(nextTheme(theme()));
    setText(name, theme());
    setText(sign, SIGNS[theme()]);
  });
  document.querySelector("header.bar").append(button, help("What am I seeing?", ...sentences));
}

// Say what is wrong, at the head of the page; without words nothing is.
export function trouble(words = "") {
  const place = document.getElementById("trouble");
  setText(place, words);
  place.hidden = !words;
}

// Write a light; what did not change is not said again.
export function shine(light, tone, words) {
  setAttribute(light, "data-tone", tone);
  setText(light, words);
}

// What a page that cannot do anything says.
export function refuse(error, token) {
  trouble(token ? error.message : "This page needs the address that make demo printed, with what stands behind its #.");
}
