// A step that was refused, in words: who was first, and how the order is. Pure.

import { orderIdOf } from "./waiting.js";

// `numberOf(orderId)` gives the order's number where it is known.
export function conflictWords(command, why, numberOf, texts) {
  const say = (key, values) => texts.say(key, values);
  const orderId = orderIdOf(command);
  const number = (orderId && numberOf(orderId)) ?? say("conflict.gone");
  const what = orderId ? number : command.path.split("/").at(-1);
  if (why.problem === "outcome-unknown") return say("conflict.unknown", { what });
  if (why.problem !== "wrong-step") return say("conflict.other", { what, why: why.body?.detail ?? why.message });
  const status = say(`status.${why.body.status}`);
  const who = whoOf(why.body.by, say);
  return who ? say("conflict.step", { number, who, status }) : say("conflict.step.nobody", { number, status });
}

function whoOf(by, say) {
  if (by?.kind === "term") return by.name;
  return by?.kind === "store" || by?.kind === "system" ? say(`by.${by.kind}`) : null;
}
