// An order's journey as a time line: its moments in their order, and a lane for each terminal. Pure.

// All that happened, oldest first: `{at, sinceMs, kind, tone, text, values}`; `text` names a text.
export function moments({ committed, announced, terminals, status, alarms, webhooks, claims = [] }) {
  const begin = Date.parse(committed);
  const found = [];
  const add = (at, kind, text, values = {}, tone = "") => {
    if (at) found.push({ at, sinceMs: Date.parse(at) - begin, kind, tone, text, values });
  };
  add(committed, "order", "momentPlaced");
  if (announced) add(announced, "order", "momentAnnounced");
  for (const { name, connected, ackedAt } of terminals) {
    add(ackedAt, "ack", "momentAcked", { name }, "good");
    for (const { from, to, gateway, door, code } of connected) {
      if (Date.parse(from) >= begin) add(from, "line", "momentCame", { name, gateway: gateway ?? door });
      add(to, "line", code === null ? "momentLeft" : "momentLeftCode", { name, code }, "warn");
    }
  }
  for (const { url, ackedAt } of webhooks) add(ackedAt, "ack", "momentWebhook", { url }, "good");
  for (const { type, at, attempt, waitedSeconds } of alarms) {
    if (type === "order_unacknowledged") add(at, "alarm", "momentAlarm", { attempt, seconds: waitedSeconds }, "bad");
    else add(at, "alarm", "momentAlarmEnd", { seconds: waitedSeconds }, "good");
  }
  for (const step of status.slice(1)) {
    add(step.at, "step", step.reason ? "momentStepReason" : "momentStep", {
      status: step.status,
      by: writer(step.by),
      reason: step.reason,
    });
  }
  for (const { purpose, name, claimedAt, doneAt } of claims) {
    add(claimedAt, "claim", "momentClaimed", { purpose, name });
    add(doneAt, "claim", "momentDone", { purpose, name });
  }
  // Of one moment what was placed comes first, and what follows from it behind.
  return found.sort((a, b) => a.sinceMs - b.sinceMs);
}

// By whom a step was taken, as a name; null where it is not known.
export function writer(by) {
  if (!by) return null;
  return by.name ?? by.kind;
}

// How far the picture reaches: to the last thing that happened, and to `now` while the order is pending; a second at
// least.
export function horizon(journey, now) {
  const begin = Date.parse(journey.committed);
  const pending = journey.status.length <= 1;
  const last = Math.max(begin, ...moments(journey).map(({ at }) => Date.parse(at)));
  return Math.max(begin + 1_000, pending ? Math.max(last, now) : last);
}

// A lane a terminal and a lane a webhook: bars from 0 to 1 where it was connected, and where its receipt stands.
export function lanes(journey, now) {
  const begin = Date.parse(journey.committed);
  const end = horizon(journey, now);
  const part = (at) => Math.min(1, Math.max(0, (Date.parse(at) - begin) / (end - begin)));
  const ofTerminals = journey.terminals.map(({ terminalId, name, connected, sentBefore, ackedAt }) => ({
    id: terminalId,
    name,
    bars: connected.map(({ from, to }) => ({ from: part(from), to: to === null ? 1 : part(to) })),
    seen: ackedAt ? part(ackedAt) : null,
    verdict: verdictOf({ connected, sentBefore, ackedAt }),
    afterMs: ackedAt ? Date.parse(ackedAt) - begin : null,
  }));
  const ofWebhooks = journey.webhooks
    .filter(({ counts }) => counts)
    .map(({ webhookId, url, sentBefore, ackedAt }) => ({
      id: webhookId,
      name: url,
      bars: [],
      seen: ackedAt ? part(ackedAt) : null,
      verdict: ackedAt ? "seen" : sentBefore ? "sent" : "waits",
      afterMs: ackedAt ? Date.parse(ackedAt) - begin : null,
    }));
  return [...ofTerminals, ...ofWebhooks];
}

// How it went at one terminal: `seen`, `sent` (without a word), `waits` (connected, not sent), `away`.
export function verdictOf({ connected, sentBefore, ackedAt }) {
  if (ackedAt) return "seen";
  if (sentBefore) return "sent";
  return connected.length ? "waits" : "away";
}

export const TONES = { seen: "good", sent: "warn", waits: "warn", away: "bad" };
