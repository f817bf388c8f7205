// The things that the till keeps in `localStorage`: its key, its shop as it was known last, its station, its sound.
//
// Why the key is kept, and there: docs/decisions/0143-the-till-keeps-its-key.md

import { nameOf, outboxOf } from "../sdk/naming.js";
import { sameName } from "./order.js";

const KEY = "bellwire.till.key";
const SHOP = "bellwire.till.shop";
const STATION = "bellwire.till.station";
const STATIONS = "bellwire.till.stations";
const REPORT = "bellwire.till.report";
const SOUND = "bellwire.till.sound";
// The SDK's store, and what it makes of the name: its witness, and its log.
export const KEPT = "till";
const WITNESS = nameOf(KEPT);
export const OUTBOX = outboxOf(WITNESS);
const MOST_STATIONS = 50;

const read = (name, storage) => {
  try {
    return JSON.parse(storage.getItem(name));
  } catch {
    return null;
  }
};

const write = (name, value, storage) => {
  try {
    if (value === null) storage.removeItem(name);
    else storage.setItem(name, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing: it holds until the page is closed.
  }
};

// `{tenant, terminalId, name, key}`, or null where this till is paired with nobody.
export function readKey(storage = localStorage) {
  const kept = read(KEY, storage);
  return typeof kept?.key === "string" && typeof kept.tenant === "string" ? kept : null;
}

// Keep it. False where the browser keeps nothing: it is asked for again after a restart.
export function writeKey(paired, storage = localStorage) {
  write(KEY, paired, storage);
  return readKey(storage)?.key === paired.key;
}

export function forgetKey(storage = localStorage) {
  for (const name of [KEY, SHOP, STATION, STATIONS, REPORT, WITNESS, OUTBOX]) write(name, null, storage);
}

export const readShop = (storage = localStorage) => read(SHOP, storage);
export const writeShop = (shop, storage = localStorage) => write(SHOP, shop, storage);

export const readStation = (storage = localStorage) => read(STATION, storage);
export const writeStation = (station, storage = localStorage) => write(STATION, station, storage);

// Stations that were ever seen in an order, or chosen.
export const readStations = (storage = localStorage) => read(STATIONS, storage) ?? [];

export function addStations(names, storage = localStorage) {
  const known = readStations(storage);
  const all = [...known];
  for (const name of names) {
    if (all.length < MOST_STATIONS && !all.some((one) => sameName(one, name))) all.push(name);
  }
  if (all.length > known.length) write(STATIONS, all.sort((one, other) => one.localeCompare(other)), storage);
}

export const readSound = (storage = localStorage) => read(SOUND, storage) !== false;
export const writeSound = (isOn, storage = localStorage) => write(SOUND, isOn, storage);

// The daily report that was sent last: `{date, at}`.
export const readReport = (storage = localStorage) => read(REPORT, storage);
export const writeReport = (report, storage = localStorage) => write(REPORT, report, storage);
