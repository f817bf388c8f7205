// The till's questions that are no events and no steps: who am I, what is on this card, what was sold today.

import { clock } from "./clock.js";

const PROBLEM = "urn:bellwire:problem:";
const PATIENCE_MS = 15_000;
const PAGES = 60;

// There was no answer.
export class NoAnswer extends Error {}

// The server said no. `problem` is its code, `body` its document.
export class SaidNo extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail ?? body.title ?? String(status));
    this.status = status;
    this.body = body;
    this.retryAfterSeconds = retryAfter;
    this.problem = String(body.type ?? "").startsWith(PROBLEM) ? body.type.slice(PROBLEM.length) : null;
  }
}

async function ask(path, { key, method = "GET", body, fetch = globalThis.fetch } = {}) {
  const headers = {};
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  const init = { method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit" };
  let response;
  let document;
  const asked = Date.now();
  try {
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
    clock.learn(response.headers.get("Date"), asked);
    document = response.status === 204 ? {} : await response.json();
  } catch (error) {
    throw new NoAnswer(String(error));
  }
  if (!response.ok) throw new SaidNo(response.status, document, Number(response.headers.get("Retry-After")) || 0);
  return document;
}

// A code for a terminal's key: `{tenant, terminalId, name, key}`.
export const pair = (code, fetch) => ask("/api/terminals/pair", { method: "POST", body: { code }, fetch });

// The meaning of a pasted key, in the same words. Throws `SaidNo` with the problem `forbidden` where it is none of a terminal's.
export async function paired(key, fetch) {
  const { kind, tenant, terminalId } = await ask("/api/whoami", { key, fetch });
  if (kind !== "term") throw new SaidNo(403, { type: `${PROBLEM}forbidden` });
  return { tenant, terminalId, key, name: "" };
}

export class Asker {
  #tenant;
  #key;
  #fetch;

  constructor({ tenant, key }, fetch) {
    this.#tenant = encodeURIComponent(tenant);
    this.#key = key;
    this.#fetch = fetch;
  }

  #get(path, query) {
    const text = query ? `?${new URLSearchParams(query)}` : "";
    return ask(`${path}${text}`, { key: this.#key, fetch: this.#fetch });
  }

  // The shop's name, money, clock and times.
  shop() {
    return this.#get(`/api/tenant/${this.#tenant}/till`);
  }

  order(orderId) {
    return this.#get(`/api/tenant/${this.#tenant}/orders/${encodeURIComponent(orderId)}`);
  }

  // All orders that fit, newest first.
  async orders(query) {
    const found = [];
    let after = null;
    for (let page = 0; page < PAGES; page += 1) {
      const answer = await this.#get(`/api/tenant/${this.#tenant}/orders`, { ...query, limit: 200, ...(after && { after }) });
      found.push(...answer.orders);
      after = answer.next;
      if (!after) break;
    }
    return found;
  }

  // `{balance, expiryDate}`.
  card(number) {
    return this.#get(`/api/tenant/${this.#tenant}/gift-cards/${encodeURIComponent(number)}`);
  }

  // `{customerId, newBalance, transactions}`.
  points(phone) {
    return this.#get(`/api/${this.#tenant}/loyalty/${encodeURIComponent(phone)}`);
  }
}
