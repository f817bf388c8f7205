// The tour: where to look first, what each page asks for, and lines to copy.

import { el, setText } from "../common/dom.js";
import { newCopy } from "./copy.js";
import { Demo } from "./demo.js";
import { linesFor } from "./lines.js";
import { dress, refuse, trouble } from "./page.js";
import { takeToken } from "./token.js";

const token = takeToken();
const demo = new Demo(token);
const byId = (id) => document.getElementById(id);

function showLines(caFile) {
  byId("lines").replaceChildren(
    ...linesFor(globalThis.location.origin, caFile).map(({ title, line }) => el("li", {}, el("h3", {}, title), newCopy(line))),
  );
}

async function ask(work) {
  try {
    await work();
    trouble();
  } catch (error) {
    refuse(error, token);
  }
}

dress(
  token,
  "make demo runs the whole cluster on this machine, and these pages beside it. Production has the till and the console alone.",
  "The address that it printed ended in a token. It lets the pages ask the demo for keys of their own and for faults; no request carries it in its address.",
  "Ctrl-C at the console ends all of it, and nothing is left.",
);
for (const place of document.querySelectorAll(".copy")) place.append(newCopy(place.dataset.line));
showLines(null);
ask(async () => {
  const { caFile } = await demo.about();
  if (caFile) showLines(caFile);
});

byId("pair").addEventListener("click", async () => {
  byId("pair").disabled = true;
  await ask(async () => setText(byId("code"), await demo.pairingCode()));
  byId("pair").disabled = false;
});
