// When an order is late, by the shop's own times; what its clock says, and in which tone. Pure.

const MINUTE = 60_000;
const USUAL_MINUTES = 15;
const COLLECT_MINUTES = 10;
// From this part of its time on an order that is being made is warned of.
const NEARLY = 0.75;

export const usualMinutes = (shop) => shop?.preparationMinutes || USUAL_MINUTES;

// Until when an order that is being made is promised.
export const promisedAt = (order, shop) => order.readyAt ?? order.since + usualMinutes(shop) * MINUTE;

// `good`, `warn` or `bad`.
export function toneOf(order, now, shop) {
  if (order.status === "pending") {
    const deadline = (shop?.ackDeadlineSeconds ?? 30) * 1000;
    return tone(now - order.due, deadline, 2 * deadline);
  }
  if (order.status === "preparing") {
    const whole = Math.max(MINUTE, promisedAt(order, shop) - order.since);
    return tone(now - order.since, whole * NEARLY, whole);
  }
  return tone(now - order.since, COLLECT_MINUTES * MINUTE, 2 * COLLECT_MINUTES * MINUTE);
}

const tone = (passed, warned, late) => (passed >= late ? "bad" : passed >= warned ? "warn" : "good");

// How long the customer waits already.
export const ageOf = (order, now) => Math.max(0, now - order.due);

// Minutes to promise at a tap: the shop's usual ones first, then a few others.
export function minutesToPromise(shop) {
  const usual = usualMinutes(shop);
  return [usual, ...[Math.max(5, usual - 5), usual + 10, usual + 20].filter((one) => one !== usual)];
}

// When an order that is accepted now is ready; one that is for later is ready at its time.
export const readyAtOf = (order, now, minutes) => Math.max(now + minutes * MINUTE, Date.parse(order.scheduledFor) || 0);
