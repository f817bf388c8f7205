// A till's commands, each a request with a key of its own, kept in the outbox until it is done.

const slug = encodeURIComponent;
const moment = (at) => (at instanceof Date ? at.toISOString() : at);

const given = (body) => Object.fromEntries(Object.entries(body).filter(([, value]) => value != null));

// A board with commands. Every method answers `{id, answer}` when the command is on the disk; `await` its `answer` for the
// server's.
export const withCommands = (Board) =>
  class Commands extends Board {
    #tenant;

    constructor(url, tenant, ...more) {
      super(url, tenant, ...more);
      this.#tenant = slug(tenant);
    }

    // Move an order on, or back.
    step(orderId, status, { reason, readyAt } = {}) {
      return this.#give("PATCH", `orders/${slug(orderId)}/status`, { status, reason, readyAt: moment(readyAt) });
    }

    accept(orderId, { readyAt } = {}) {
      return this.step(orderId, "preparing", { readyAt });
    }

    cancel(orderId, { reason } = {}) {
      return this.step(orderId, "cancelled", { reason });
    }

    // Use a gift card.
    redeem(cardNumber, amount, { orderId } = {}) {
      return this.#give("POST", `gift-cards/${slug(cardNumber)}/redeem`, { amount, orderId });
    }

    // Give back to a gift card what was taken from it.
    refundCard(cardNumber, amount, { redemptionId, orderId, reason } = {}) {
      return this.#give("POST", `gift-cards/${slug(cardNumber)}/refund`, { amount, redemptionId, orderId, reason });
    }

    // Write down money that was given back.
    refund(orderId, amount, { reason } = {}) {
      return this.#give("POST", `orders/${slug(orderId)}/refunds`, { amount, reason });
    }

    addPoints(phone, points, { reason } = {}) {
      return this.#points(phone, "add", { points, reason });
    }

    redeemPoints(phone, points, { reason } = {}) {
      return this.#points(phone, "redeem", { points, reason });
    }

    #points(phone, what, body) {
      return this.outbox.submit("POST", `/api/${this.#tenant}/loyalty/${slug(phone)}/${what}`, given(body));
    }

    #give(method, rest, body) {
      return this.outbox.submit(method, `/api/tenant/${this.#tenant}/${rest}`, given(body));
    }
  };
