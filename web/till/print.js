// Print an order, once over all tills: claimed before, and said to be done when a person says that it came out.

import { confirm } from "../common/parts.js";
import { clock } from "./clock.js";
import { receipt } from "./receipt.js";

const PURPOSE = "print";
const TTL_SECONDS = 60;

// `till` is the till, `order` as it is shown. Resolves when it is over, whatever came of it.
export async function printOrder(till, order, texts) {
  const say = (key, values) => texts.say(key, values);
  const number = order.orderNumber;
  const claim = await claimOf(till, order);
  if (!claim?.isMine) {
    const holder = claim?.holder?.name ?? say("print.somebody");
    const words = claim === null ? say("print.unknown") : say(claim.done ? "print.done" : "print.held", { holder });
    if (await confirm(say("print.title", { number }), words, say("print.copy.go"), say("menu.close"))) put(till, await whole(till, order), texts, null);
    return;
  }
  try {
    put(till, await whole(till, order), texts, claim.fence);
    if (await cameOut(say, number)) await claim.finish();
    else claim.leave();
  } catch (error) {
    claim.leave();
    throw error;
  }
}

// The claim, or null where nobody can be asked.
async function claimOf(till, order) {
  if (till.state.state !== "live" && till.state.state !== "catching_up") return null;
  try {
    return await till.terminal.newClaim(order.orderId, PURPOSE, { ttl: TTL_SECONDS }).open();
  } catch {
    return null;
  }
}

// All of it: a board may have a list's or a thin one.
async function whole(till, order) {
  try {
    return { ...order, ...(await till.ask.order(order.orderId)), readyAt: order.readyAt };
  } catch {
    return order;
  }
}

function put(till, order, texts, fence) {
  const paper = receipt(order, { shop: till.shop, texts, now: clock.now(), fence });
  document.body.append(paper);
  globalThis.print();
  paper.remove();
}

const cameOut = (say, number) => confirm(say("print.title", { number }), say("print.ask"), say("print.yes"), say("print.no"));
