// A line to type, and a button that copies it.

import { el, setText } from "../common/dom.js";

const SAID_MS = 2_000;

export function newCopy(line) {
  const button = el("button", { class: "button little", type: "button", "aria-label": `Copy: ${line}` }, "Copy");
  const code = el("code", { tabindex: "0" }, line);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(line);
      setText(button, "Copied");
    } catch {
      // Without leave to write there, the line is at least chosen.
      globalThis.getSelection().selectAllChildren(code);
      setText(button, "Ctrl+C copies");
    }
    setTimeout(() => setText(button, "Copy"), SAID_MS);
  });
  return el("div", { class: "line" }, code, button);
}
