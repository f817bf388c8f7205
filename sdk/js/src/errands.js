// A till's requests beside its stream: acks, one order, all open orders. Each answers with the machine's next input.

import { Unreachable } from "./errors.js";

const OPEN = "pending,preparing,ready";
const SNAPSHOT_PAGES = 100;

export class Errands {
  #client;
  #path;

  constructor(client, tenant) {
    this.#client = client;
    this.#path = `/api/tenant/${encodeURIComponent(tenant)}`;
  }

  async ack(body) {
    const answer = await this.#ask("POST", "acks", { body });
    if (answer?.status === 204) return ["acked"];
    return ["ack_failed", { status: answer?.status ?? null, retryAfterMs: answer?.retryAfterMs }];
  }

  // What a thin event left out.
  async order({ offset, orderId }) {
    const answer = await this.#ask("GET", `orders/${encodeURIComponent(orderId)}`);
    if (answer?.status === 200 && answer.json) return ["order", { offset, order: answer.json }];
    return ["order_failed", { offset, status: answer?.status ?? null, retryAfterMs: answer?.retryAfterMs }];
  }

  async snapshot() {
    const orders = [];
    let offset = null;
    let query = { status: OPEN };
    for (let n = 0; n < SNAPSHOT_PAGES; n += 1) {
      const answer = await this.#ask("GET", "orders", { query });
      const page = answer?.json;
      if (answer?.status !== 200 || !Array.isArray(page?.orders)) {
        const { status = null, problem = null, retryAfterMs } = answer ?? {};
        return ["snapshot_failed", { status, problem, retryAfterMs }];
      }
      offset ??= page.offset;
      orders.push(...page.orders);
      if (page.next == null) return ["snapshot", { offset, orders }];
      query = { ...query, after: page.next };
    }
    return ["snapshot_failed", { status: null, problem: null }];
  }

  // An answer, or null where nobody answers.
  async #ask(method, rest, more) {
    try {
      return await this.#client.ask(method, `${this.#path}/${rest}`, more);
    } catch (error) {
      if (error instanceof Unreachable) return null;
      throw error;
    }
  }
}
