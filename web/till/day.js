// The totals of a day's orders, by which a till is closed at night. Pure.

const HOURS = 24;
const FEWEST_BARS = 9;
const MOST_ITEMS = 8;

// Gives the hour of a moment there. A formatter is dear to make, and a day has thousands of orders.
function hourIn(timeZone) {
  const hour = new Intl.DateTimeFormat("en", { hour: "2-digit", hourCycle: "h23", timeZone });
  return (moment) => Number(hour.format(new Date(moment)));
}

// Money has at most three decimals: a sum of floats is rounded there.
const round = (value) => Math.round(value * 1000) / 1000;

// Sums over orders of a list: counts by status, money, orders by hour, and what was sold most.
export function totalsOf(orders, timeZone) {
  const totals = {
    orders: orders.length, completed: 0, cancelled: 0, open: 0, gross: 0, paid: 0, due: 0, refunded: 0, discounts: 0, taxes: 0, fees: 0, tips: 0,
  };
  const hourOf = hourIn(timeZone);
  const hours = Array(HOURS).fill(0);
  const sold = new Map();
  for (const order of orders) {
    hours[hourOf(order.createdAt)] += 1;
    totals.refunded += sum(order.refunds);
    if (order.status === "cancelled") {
      totals.cancelled += 1;
      continue;
    }
    totals[order.status === "completed" ? "completed" : "open"] += 1;
    totals.gross += order.totalAmount;
    totals.paid += order.amountPaid;
    totals.due += order.amountDue;
    for (const { kind, amount } of order.adjustments ?? []) {
      const name = { discount: "discounts", tax: "taxes", fee: "fees", tip: "tips" }[kind];
      if (name) totals[name] += amount;
    }
    for (const { name, quantity } of order.items ?? []) sold.set(name, (sold.get(name) ?? 0) + quantity);
  }
  for (const [name, value] of Object.entries(totals)) totals[name] = round(value);
  const items = [...sold].map(([name, quantity]) => ({ name, quantity: round(quantity) }));
  items.sort((one, other) => other.quantity - one.quantity || one.name.localeCompare(other.name));
  const taken = totals.orders - totals.cancelled;
  return { totals, average: taken ? round(totals.gross / taken) : 0, hours, items: items.slice(0, MOST_ITEMS) };
}

const sum = (list) => (list ?? []).reduce((total, { amount }) => total + amount, 0);

// The bars of the hours in which the shop was open, with some margin; the whole day where there was nothing.
export function barsOf(hours) {
  const busy = hours.flatMap((count, hour) => (count ? [hour] : []));
  const margin = busy.length ? Math.max(1, Math.ceil((FEWEST_BARS - 1 - busy.at(-1) + busy[0]) / 2)) : 0;
  const [from, to] = busy.length ? [Math.max(0, busy[0] - margin), Math.min(HOURS - 1, busy.at(-1) + margin)] : [8, 22];
  return hours.slice(from, to + 1).map((value, n) => ({ name: String(from + n), value }));
}

// The report of a day as the contract takes it.
export const reportOf = (businessDate, { totals, average }, currency) => ({ businessDate, ...totals, average, ...(currency && { currency }) });
