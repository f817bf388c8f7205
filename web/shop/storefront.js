// A storefront's calls, as a shop's site makes them: what moves value is asked again with one Idempotency-Key.

const PAUSE_MS = 400;
const TRIES = 50;
// The answer is not there yet, or the request may be tried again as it is.
const AGAIN = new Set([429, 500, 502, 503, 504]);
const mayTryAgain = ({ status, document }) =>
  status === null || AGAIN.has(status) || (status === 409 && String(document.type).endsWith("still-running"));

// The shop said no; `message` is for the person.
export class Refused extends Error {
  constructor(message, status, document = {}) {
    super(message);
    this.status = status;
    this.document = document;
  }
}

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Storefront {
  #tenant;
  #key;
  #fetch;
  #pause;

  constructor(tenant, key, { fetch = (...words) => globalThis.fetch(...words), pause = later } = {}) {
    this.#tenant = `/api/tenant/${encodeURIComponent(tenant)}`;
    this.#key = key;
    this.#fetch = fetch;
    this.#pause = pause;
  }

  // `{orderId, orderNumber, totalAmount, offset, …}`.
  place(order) {
    return this.#surely("/api/tenant/orders/create", order);
  }

  // `{cardNumber, balance, …}`; the number is told this once.
  buyCard(amount, purchasedBy) {
    return this.#surely(`${this.#tenant}/gift-cards/purchase`, { amount, purchasedBy });
  }

  // `{balance, …}` of the card.
  redeem(cardNumber, amount, orderId) {
    return this.#surely(`${this.#tenant}/gift-cards/${encodeURIComponent(cardNumber)}/redeem`, { amount, orderId });
  }

  balanceOf(cardNumber) {
    return this.#read(`${this.#tenant}/gift-cards/${encodeURIComponent(cardNumber)}`);
  }

  order(orderId) {
    return this.#read(`${this.#tenant}/orders/${encodeURIComponent(orderId)}`);
  }

  // Whether anybody is listening: `{acceptingOrders, receivers, paused, …}`.
  status() {
    return this.#read(`${this.#tenant}/status`);
  }

  async #surely(path, body) {
    const more = {
      method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "Idempotency-Key": globalThis.crypto.randomUUID() },
    };
    let refused;
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (tries) await this.#pause(PAUSE_MS);
      try {
        return await this.#ask(path, more);
      } catch (error) {
        refused = error;
        if (!mayTryAgain(error)) break;
      }
    }
    throw refused;
  }

  #read(path) {
    return this.#ask(path, { headers: {} });
  }

  async #ask(path, { headers, ...more }) {
    let answer;
    try {
      answer = await this.#fetch(path, { cache: "no-store", headers: { Authorization: `Bearer ${this.#key}`, ...headers }, ...more });
    } catch {
      throw new Refused("The shop does not answer.", null);
    }
    const document = await answer.json().catch(() => ({}));
    if (answer.ok) return document;
    const why = document.errors?.[0]?.msg ?? document.detail ?? `The shop answered with ${answer.status}.`;
    throw new Refused(why, answer.status, document);
  }
}
