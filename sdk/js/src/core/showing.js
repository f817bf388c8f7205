// The orders of a snapshot that a stream with this filter would have carried. Pure.
//
// An order that is shown is acknowledged; one that the filter keeps from this terminal must not be.

// Unicode's case folding, sign by sign, as near as this language has it. A dotless i is no i. An accent is the same
// however it is composed.
export const folded = (text) =>
  Array.from(String(text).normalize("NFD"), (sign) =>
    sign === "ı" ? sign : sign.toLowerCase().toUpperCase().toLowerCase(),
  )
    .join("")
    .normalize("NFC");

function passes(order, member, names) {
  if (!names) return true;
  const named = (order.items ?? []).filter((item) => item[member]).map((item) => folded(item[member]));
  return !named.length || names.some((name) => named.includes(folded(name)));
}

export function shown(orders, wanted) {
  if (wanted.types && !wanted.types.includes("new_order")) return [];
  return orders.filter(
    (order) => passes(order, "station", wanted.stations) && passes(order, "category", wanted.categories),
  );
}
