// The words that a machine is made with. Pure.

import { isObject, isText } from "./values.js";

export const DOORS = ["websocket", "sse", "poll"];
const FILTERS = ["types", "stations", "categories"];
const WISHES = {
  start: "acked", filter: {}, doors: DOORS, acks: true, snapshots: true, window: 64, attempts: 3, onDamage: "stop",
};
const wrong = (why) => {
  throw new TypeError(why);
};

// An unknown member is an error: a wish that is not understood is not passed over.
export function configOf(wishes) {
  for (const name of Object.keys(wishes)) {
    if (name !== "tenant" && !Object.hasOwn(WISHES, name)) wrong(`no such wish: ${name}`);
  }
  const config = { ...WISHES, ...wishes };
  if (!isText(config.tenant)) wrong("tenant is a text");
  if (!Array.isArray(config.doors) || !config.doors.length || !config.doors.every((door) => DOORS.includes(door))) {
    wrong(`doors are some of ${DOORS}`);
  }
  if (!isObject(config.filter)) wrong(`a filter has ${FILTERS}`);
  for (const [name, values] of Object.entries(config.filter)) {
    if (!FILTERS.includes(name) || !Array.isArray(values)) wrong(`a filter has lists of ${FILTERS}, and not ${name}`);
  }
  if (!(config.window >= 1) || !(config.attempts >= 1)) wrong("window and attempts are at least 1");
  if (!["stop", "acked"].includes(config.onDamage)) wrong("onDamage is stop or acked");
  if (!isText(config.start)) wrong("start is acked, head, snapshot or an offset");
  config.filter = Object.fromEntries(
    Object.keys(config.filter)
      .sort()
      .filter((name) => config.filter[name].length)
      .map((name) => [name, [...new Set(config.filter[name])].sort()]),
  );
  config.isFiltered = Object.keys(config.filter).length > 0;
  return config;
}
