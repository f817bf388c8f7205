// The tour: where to look first, what each page asks for, and lines to copy.

import { el, setText } from "../common/dom.js";
import { newCopy } from "./copy.js";
import { Demo, tokenOf } from "./demo.js";
import { linesFor } from "./lines.js";
import { dress, refuse, trouble } from "./page.js";

const demo = new Demo(tokenOf());

dress(
  "make demo runs the whole cluster on this machine, and these pages beside it. Production has the till and the console alone.",
  "Behind the # of the address stands a token. It lets the pages ask the demo for keys of their own and for faults, and no request carries it in its address.",
  "Ctrl-C at the console ends all of it, and nothing is left.",
);
if (!tokenOf()) refuse(null, "");

for (const place of document.querySelectorAll(".copy")) place.append(newCopy(place.dataset.line));
document.getElementById("lines").append(
  ...linesFor(globalThis.location.origin).map(({ title, line }) => el("li", {}, el("h3", {}, title), newCopy(line))),
);

const pair = document.getElementById("pair");
pair.addEventListener("click", async () => {
  pair.disabled = true;
  try {
    setText(document.getElementById("code"), await demo.pairingCode());
    trouble();
  } catch (error) {
    refuse(error, tokenOf());
  } finally {
    pair.disabled = false;
  }
});
