// One till: a board that gives commands, and claims what is to be done once.

import { Board } from "./board.js";
import { Claim } from "./claims.js";
import { Clock } from "./clock.js";
import { withCommands } from "./commands.js";
import { Outbox } from "./outbox.js";
import { PARTS } from "./small.js";

const orderIdOf = (order) => (typeof order === "string" ? order : order.data.orderId);

export class Terminal extends withCommands(Board) {
  outbox;

  constructor(url, tenant, key, { clock = new Clock(), outbox = new Outbox({ clock }), ...wishes } = {}) {
    super(url, tenant, key, { clock, outbox, ...wishes });
    this.outbox = outbox;
  }

  // Ask to be the one that does this with an order, and do `work(claim)` where it is ours. The claim is renewed
  // meanwhile, and done when `work` ends; where it throws, the claim runs out for another to take.
  async claim(order, purpose, work, { ttl = 30 } = {}) {
    // To the server all tabs are one terminal: among themselves they do it one after the other.
    const one = () => this.#claim(this.newClaim(order, purpose, { ttl }), work);
    const { sharing } = this[PARTS];
    return sharing ? sharing.alone(`${orderIdOf(order)} ${purpose}`, one) : one();
  }

  async #claim(claim, work) {
    await claim.open();
    if (!claim.isMine) return claim;
    try {
      await work(claim);
    } catch (error) {
      claim.leave();
      throw error;
    }
    await claim.finish();
    return claim;
  }

  newClaim(order, purpose, { ttl = 30 } = {}) {
    const { client, network, config } = this[PARTS];
    return new Claim(client, this.outbox, network, config.tenant, orderIdOf(order), purpose, ttl);
  }
}
