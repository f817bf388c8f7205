// The members without which a message or a page cannot be read. Pure.
//
// A message with a member of another kind was not said by Bellwire, or was hurt on the way: it may have been an event.

import { isObject, isText } from "./values.js";

const LONGEST_HEARTBEAT_SECONDS = 3_600;
const TEXTS = {
  hello: ["head", "after"], caught_up: ["offset"], heartbeat: ["head"], pong: ["head"], reset: ["to", "reason"],
};
const hasTexts = (value, names) => names.every((name) => isText(value[name]));

export const isEvent = (message) =>
  isObject(message) && typeof message.type === "string" && isText(message.offset) && isObject(message.data);

// One of a type that is not known can be read, too: it is passed over.
export function isMessage(message) {
  if (!isObject(message) || typeof message.type !== "string") return false;
  if (message.type === "hello") {
    const beat = message.heartbeatSeconds;
    if (typeof beat !== "number" || !(beat > 0 && beat <= LONGEST_HEARTBEAT_SECONDS)) return false;
  }
  return !Object.hasOwn(TEXTS, message.type) || hasTexts(message, TEXTS[message.type]);
}

export const isPage = (page) =>
  isObject(page) &&
  Array.isArray(page.events) &&
  hasTexts(page, ["offset", "head"]) &&
  typeof page.more === "boolean" &&
  page.events.every(isEvent) &&
  (page.reset == null || (isObject(page.reset) && hasTexts(page.reset, TEXTS.reset)));
