// The troubles of a frame, the worst first, and what can be done about it. Pure: names of texts and their values.

import { gateways } from "./history.js";

const LIMIT_MS = 100;
// A pod that died and is back is news for so long.
const NEWS_MS = 600_000;

const ORDER = ["bad", "warn"];

// Each is `{tone, text, values}`: `text` names a text.
export function troubles(frame) {
  const found = [...servers(frame), ...pods(frame), ...orders(frame), ...webhooks(frame), ...speed(frame)];
  return found.sort((a, b) => ORDER.indexOf(a.tone) - ORDER.indexOf(b.tone));
}

const trouble = (tone, text, values = {}) => ({ tone, text, values });

function* servers({ unknownSince, redis }) {
  if (unknownSince) yield trouble("bad", "troublePostgres", { since: unknownSince });
  if (!redis.up) yield trouble("bad", "troubleRedis", { since: redis.downSince });
}

function* pods(frame) {
  const now = Date.parse(frame.at);
  for (const { pod, state, missing, heardSecondsAgo, lostAt } of frame.pods) {
    if (state === "silent") yield trouble("bad", "troubleSilent", { pod, seconds: Math.round(heardSecondsAgo) });
    else if (state === "waiting") yield trouble("warn", "troubleWaiting", { pod, missing: missing.join(", ") });
    else if (state === "draining" || state === "drained") yield trouble("warn", "troubleDrained", { pod });
    if (state !== "silent" && lostAt && now - Date.parse(lostAt) < NEWS_MS)
      yield trouble("warn", "troubleLost", { pod, at: lostAt });
  }
  const doors = gateways(frame);
  const open = doors.some(({ state }) => ["ready", "known", "unknown"].includes(state));
  if (!open) yield trouble("bad", "troubleNoGateway");
}

function* orders({ unseen }) {
  // The oldest are listed. Where all of these have alarmed, those behind them are taken for the same.
  const listed = unseen.orders.filter(({ alarms }) => alarms > 0).length;
  const count = listed === unseen.orders.length ? unseen.count : listed;
  if (count) yield trouble("bad", "troubleUnseen", { count, seconds: unseen.orders[0].waitedSeconds });
}

function* webhooks({ webhooks: all }) {
  if (!all) return;
  if (all.refusing) yield trouble("bad", "troubleRefusing", { count: all.refusing });
  if (all.off) yield trouble("warn", "troubleOff", { count: all.off });
  if (all.failing > all.refusing) yield trouble("warn", "troubleFailing", { count: all.failing - all.refusing });
}

function* speed({ delivery }) {
  if (delivery?.p99 > LIMIT_MS) yield trouble("warn", "troubleSlow", { p99: Math.round(delivery.p99) });
}

// How a pod's state is shown.
export function toneOf(state) {
  if (state === "ready") return "good";
  if (state === "silent") return "bad";
  return state === "known" ? "" : "warn";
}

// Pods as they are listed: what needs a person first, then gateways, then API pods.
export function inOrder(list) {
  const rank = ({ state, kind }) =>
    (state === "silent" ? 0 : state === "ready" || state === "known" ? 2 : 1) * 2 + (kind === "api" ? 1 : 0);
  return [...list].sort((a, b) => rank(a) - rank(b) || a.pod.localeCompare(b.pod, "en", { numeric: true }));
}
