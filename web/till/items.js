// The items of an order as a cook reads them: how many, of what, with what, and what to mind.

import { el } from "../common/dom.js";
import { quantity } from "../common/format.js";
import { icon } from "./icons.js";
import { warns } from "./order.js";

export function itemOf(item, texts) {
  return el(
    "li",
    { class: item.unit ? "item weighed" : "item" },
    el("span", { class: "quantity number" }, quantity(item.quantity, item.unit, texts.locale), " "),
    el("div", { class: "what" }, el("span", { class: "name" }, item.name), modifiersOf(item.modifiers), item.notes && itemNote(item.notes, texts)),
  );
}

function itemNote(text, texts) {
  if (!warns(text)) return el("p", { class: "item-note" }, text);
  return el("p", { class: "item-note allergy" }, icon("warning"), el("span", { class: "unseen" }, texts.say("allergy")), text);
}

export function noteOf(text, texts) {
  const isAllergy = warns(text);
  const word = texts.say(isAllergy ? "allergy" : "note");
  return el("p", { class: isAllergy ? "order-note allergy" : "order-note" }, isAllergy && icon("warning"), el("strong", {}, `${word}: `), el("span", {}, text));
}

// The texts of an order that are for the kitchen or for who brings it.
export const notesOf = (order) => [order.specialInstructions, order.deliveryAddress?.instructions].filter(Boolean);

// Modifiers, and theirs below them.
export function modifiersOf(list) {
  if (!list?.length) return null;
  return el("ul", { class: "modifiers" }, list.map((one) =>
    el("li", {}, one.quantity > 1 ? `${one.quantity}× ` : "", one.name, modifiersOf(one.modifiers))));
}

// An address on one line.
export const addressOf = (place) =>
  place ? [place.line1, place.line2, [place.postalCode, place.city].filter(Boolean).join(" "), place.country].filter(Boolean).join(", ") : "";
