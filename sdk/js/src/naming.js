// The name under which a page keeps what is a terminal's, and under which its tabs find each other.

import { record } from "./core/records.js";

// The owner's name, or one of our own: the key's checksum tells one terminal of a shop from another, and opens nothing.
export const nameOf = (store, { client, config } = {}) =>
  `bellwire ${typeof store === "string" ? store : `${client.base} ${config.tenant} ${record(client.key).slice(0, 8)}`}`;

// Where the commands of that name lie.
export const outboxOf = (name) => `${name} outbox`;
