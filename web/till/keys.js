// Which key does what on the order that has the focus. Pure.
//
// Letters act only on an order that was chosen, so a word that is typed elsewhere moves nothing.

const MINUTES_A_DIGIT = 5;
const ACTS = {
  Enter: { act: "next" }, " ": { act: "next" }, b: { act: "back" }, Backspace: { act: "back" },
  c: { act: "cancel" }, Delete: { act: "cancel" }, p: { act: "print" }, d: { act: "details" },
};
const MOVES = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0], Home: [0, -Infinity], End: [0, Infinity] };

// `{act, minutes?}`, `{move: [columns, orders]}`, or null.
export function actOf({ key, ctrlKey, altKey, metaKey }, dir = "ltr") {
  if (ctrlKey || altKey || metaKey) return null;
  if (Object.hasOwn(MOVES, key)) {
    const [columns, orders] = MOVES[key];
    return { move: [dir === "rtl" ? -columns : columns, orders] };
  }
  if (/^[1-9]$/.test(key)) return { act: "accept", minutes: Number(key) * MINUTES_A_DIGIT };
  const name = key.length === 1 ? key.toLowerCase() : key;
  return Object.hasOwn(ACTS, name) ? ACTS[name] : null;
}

// Where a move leads from `[column, row]`, over columns of these lengths; null where there is no other order.
export function movedTo([column, row], [columns, rows], lengths) {
  if (columns) {
    for (let next = column + columns; next >= 0 && next < lengths.length; next += columns) {
      if (lengths[next]) return [next, Math.min(row, lengths[next] - 1)];
    }
    return null;
  }
  const next = Math.max(0, Math.min(row + rows, lengths[column] - 1));
  return next === row ? null : [column, next];
}
