// Small questions that both machines ask of plain values. Pure.

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

export const isText = (value) => typeof value === "string" && value !== "";

// The soonest of some moments; null where there is none.
export const soonest = (...times) => {
  const set = times.filter((at) => at != null);
  return set.length ? Math.min(...set) : null;
};

// JSON with its members sorted: equal values give equal texts.
export const canonical = (value) =>
  JSON.stringify(value, (_, part) =>
    isObject(part) ? Object.fromEntries(Object.keys(part).sort().map((name) => [name, part[name]])) : part,
  );

// The same request may be answered otherwise in a moment; null: there was no answer.
export const PASSING = new Set([408, 425, 429]);
export const isPassing = (status) => status == null || status >= 500 || PASSING.has(status);
