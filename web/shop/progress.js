// One order that was placed, and how far the kitchen has come with it.

import { el } from "../common/dom.js";
import { inWords } from "./basket.js";

const STEPS = [["pending", "Placed"], ["preparing", "Preparing"], ["ready", "Ready"], ["completed", "Collected"]];
const OVER = new Set(["completed", "cancelled"]);

export const isOver = ({ status }) => OVER.has(status);

// What the customer reads: how many tills have it, what was said, when it will be ready.
export function wordsOf(order, locale) {
  if (order.status === "cancelled") {
    const reason = order.history?.findLast(({ status }) => status === "cancelled")?.reason;
    return reason ? `Cancelled: ${reason}` : "Cancelled";
  }
  const readyAt = order.history?.findLast(({ readyAt }) => readyAt)?.readyAt;
  if (order.status === "preparing" && readyAt) {
    const time = new Date(readyAt).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
    return `The kitchen says: ready at ${time}`;
  }
  const seen = new Set((order.receipts ?? []).map(({ terminalId }) => terminalId)).size;
  if (order.status === "pending") return seen ? `On ${seen} ${seen === 1 ? "till" : "tills"}, waiting for the kitchen` : "On its way to the tills";
  return order.status === "ready" ? "Come and get it" : "";
}

export function newProgress(order) {
  const steps = STEPS.map(([status, words]) => el("li", { "data-status": status }, words));
  const words = el("p", { class: "words", role: "status" });
  const due = el("span", { class: "due" });
  const element = el("li", { class: "progress" },
    el("p", { class: "head" }, el("strong", {}, order.orderNumber), due), el("ol", { class: "steps" }, ...steps), words);
  return {
    element,
    show(now) {
      element.dataset.status = now.status;
      const reached = STEPS.findIndex(([status]) => status === now.status);
      steps.forEach((step, index) => {
        step.dataset.reached = String(index <= reached);
        if (index === reached) step.setAttribute("aria-current", "step");
        else step.removeAttribute("aria-current");
      });
      const text = wordsOf(now);
      if (words.textContent !== text) words.textContent = text;
      const left = Math.round(now.amountDue * 100);
      due.textContent = left ? `${inWords(left)} to pay` : "paid";
    },
  };
}
