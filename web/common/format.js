// Amounts, ages and moments as a person reads them. Pure: the language, the zone and the time come in.

const minuteMs = 60_000;

// A formatter is dear to make, and a board asks for the same few again and again.
const made = new Map();

function formatter(Kind, locale, options = {}) {
  const key = `${Kind.name} ${locale} ${JSON.stringify(options)}`;
  let found = made.get(key);
  if (!found) made.set(key, (found = new Kind(locale, options)));
  return found;
}

const { DateTimeFormat, NumberFormat } = Intl;

// An amount as the contract has it, in the shop's currency; without one it is a plain figure with two decimals.
export function money(amount, currency, locale) {
  if (amount === null || amount === undefined) return "";
  if (!currency) return formatter(NumberFormat, locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(amount);
  return formatter(NumberFormat, locale, { style: "currency", currency }).format(amount);
}

// How many decimals the amounts of a currency have; two without one.
export const decimalsOf = (currency) =>
  currency ? formatter(NumberFormat, "en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits : 2;

export const count = (value, locale) => formatter(NumberFormat, locale).format(value);

// How long ago, as a kitchen says it: 0:42, 12:05, 1:03:20.
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

// The same aloud: whole minutes.
export const minutesOf = (ms) => Math.max(0, Math.floor(ms / minuteMs));

// The time of the day: 12:41.
export function clock(moment, locale, timeZone) {
  return formatter(DateTimeFormat, locale, { hour: "2-digit", minute: "2-digit", timeZone }).format(new Date(moment));
}

// A day and its time; of today the time alone.
export function when(moment, now, locale, timeZone) {
  const day = (at) => formatter(DateTimeFormat, "en-CA", { dateStyle: "short", timeZone }).format(new Date(at));
  if (day(moment) === day(now)) return clock(moment, locale, timeZone);
  return formatter(DateTimeFormat, locale, {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone,
  }).format(new Date(moment));
}

// The day as the contract writes it: 2026-11-28.
export const dayOf = (moment, timeZone) =>
  formatter(DateTimeFormat, "en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone }).format(new Date(moment));

// A number with its unit: 0.35 kg, 2×.
export const quantity = (value, unit, locale) =>
  unit ? `${formatter(NumberFormat, locale).format(value)} ${unit}` : `${formatter(NumberFormat, locale).format(value)}×`;

// Milliseconds as a figure of a delay: 3.2 ms, 140 ms, 1.2 s.
export function delay(ms, locale) {
  const text = (value, digits) => formatter(NumberFormat, locale, { maximumFractionDigits: digits }).format(value);
  if (ms < 10) return `${text(ms, 1)} ms`;
  return ms < 1000 ? `${text(ms, 0)} ms` : `${text(ms / 1000, 1)} s`;
}
