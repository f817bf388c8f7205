// The reader's words, figures and moments.

import { age, count, delay, when } from "../common/format.js";
import { chosen, Texts } from "../common/texts.js";
import { TEXTS } from "./texts.js";

const texts = new Texts(TEXTS, chosen(Object.keys(TEXTS)));

export const { language } = texts;
// Hours are counted to 24, as in logs.
export const locale = `${texts.locale.split("-u-")[0]}-u-hc-h23`;
export const say = (key, values) => texts.say(key, values);
export const figure = (value) => (value === null || value === undefined ? "–" : count(value, locale));
// Rates below ten have a decimal, so that a quiet evening is not nothing.
export const rate = (value) =>
  value === null || value === undefined
    ? "–"
    : count(value < 10 ? Math.round(value * 10) / 10 : Math.round(value), locale);
export const ms = (value) => (value === null || value === undefined ? "–" : delay(value, locale));
export const lasting = (seconds) => age(seconds * 1_000);
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const second = (at) => clock.format(new Date(at));
// A moment of today is its time, to the second; of another day the day, too.
export const moment = (at) => (at ? (isToday(at) ? second(at) : when(at, Date.now(), locale)) : "–");
const isToday = (at) => new Date(at).toDateString() === new Date().toDateString();

// How long after something it was: +3 ms, +1.2 s, +2:05.
export function later(sinceMs) {
  return sinceMs < 60_000 ? `+${ms(sinceMs)}` : `+${age(sinceMs)}`;
}

// The meaning of a close code; nothing where it is none of ours.
export const closing = (code) => (`close${code}` in TEXTS.en ? say(`close${code}`) : "");
