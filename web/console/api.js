// An operator's questions and acts. The key is in this object alone: in no storage, no address, no element of the page.
//
// `forget()` takes it away and ends all that it opened. A key that is no more valid is said once, to `onEnded`.

// The API said no, or nothing. `status` is null without an answer, `code` the problem's, `document` all of it.
export class Refused extends Error {
  constructor(message, status = null, document = {}, retryAfter = null) {
    super(message);
    this.status = status;
    this.document = document;
    this.code = String(document.type ?? "")
      .split(":")
      .at(-1);
    this.retryAfter = retryAfter;
  }
}

const NO_ANSWER = "The API does not answer.";

// The key in a text that a person typed or pasted. `{key}`, or `{fault}`: the name of a text.
export function readKey(typed) {
  const key = typed.trim();
  if (!key) return { fault: "keyMissing" };
  if (key.startsWith("bw_store_") || key.startsWith("bw_term_")) return { fault: "keyOfAShop" };
  // Anything else in a header is no key, and may be none that a browser sends.
  if (!/^[\x21-\x7e]+$/.test(key)) return { fault: "keyNoKey" };
  return { key };
}

const path = (parts) => `/api/${parts.map(encodeURIComponent).join("/")}`;

function query(wishes) {
  const given = Object.entries(wishes).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

export class Operator {
  #key;
  #fetch;
  #onEnded;
  #gone = new AbortController();

  constructor(key, { fetch = (...words) => globalThis.fetch(...words), onEnded = () => {} } = {}) {
    this.#key = key;
    this.#fetch = fetch;
    this.#onEnded = onEnded;
  }

  forget() {
    this.#key = null;
    this.#gone.abort();
  }

  // Whether the key is known still.
  get isThere() {
    return this.#key !== null;
  }

  // The two streams: an answer whose body goes on. They end with `signal`, and with the key.
  overview(signal) {
    return this.#stream(path(["operator", "stream"]), signal);
  }

  trace(tenant, signal) {
    return this.#stream(path(["tenant", tenant, "trace"]), signal);
  }

  // The installation.
  drain = (gateway) => this.#ask("POST", path(["operator", "gateways", gateway, "drain"]));
  resume = (gateway) => this.#ask("POST", path(["operator", "gateways", gateway, "resume"]));
  tenants = (q, after) => this.#ask("GET", `${path(["tenants"])}${query({ q, after, limit: 50 })}`);

  // `tenant` is null for what is of no shop.
  audit(tenant, after) {
    const where = tenant === null ? ["operator", "audit"] : ["tenant", tenant, "audit"];
    return this.#ask("GET", `${path(where)}${query({ after, limit: 50 })}`);
  }

  // A shop.
  tenant = (tenant) => this.#ask("GET", path(["tenant", tenant]));
  status = (tenant) => this.#ask("GET", path(["tenant", tenant, "status"]));
  terminals = (tenant) => this.#ask("GET", path(["tenant", tenant, "terminals"]));
  webhooks = (tenant) => this.#ask("GET", path(["tenant", tenant, "webhooks"]));
  pause = (tenant, reason) =>
    this.#ask("PATCH", path(["tenant", tenant]), { paused: true, pausedReason: reason || null });
  unpause = (tenant) => this.#ask("PATCH", path(["tenant", tenant]), { paused: false, pausedReason: null });
  pair = (tenant, name, role) =>
    this.#ask("POST", path(["tenant", tenant, "pairings"]), { name, ...(role && { role }) });
  orders = (tenant, wishes) => this.#ask("GET", `${path(["tenant", tenant, "orders"])}${query(wishes)}`);
  order = (tenant, order) => this.#ask("GET", path(["tenant", tenant, "orders", order]));
  journey = (tenant, order) => this.#ask("GET", path(["tenant", tenant, "orders", order, "journey"]));

  // A terminal, a webhook.
  connections = (tenant, terminal) => this.#ask("GET", path(["tenant", tenant, "terminals", terminal, "connections"]));
  revoke = (tenant, terminal) => this.#ask("DELETE", path(["tenant", tenant, "terminals", terminal]));
  rotate = (tenant, terminal, overlapSeconds) =>
    this.#ask("POST", path(["tenant", tenant, "terminals", terminal, "rotate"]), { overlapSeconds });
  attempts = (tenant, webhook) => this.#ask("GET", path(["tenant", tenant, "webhooks", webhook, "attempts"]));
  ping = (tenant, webhook) => this.#ask("POST", path(["tenant", tenant, "webhooks", webhook, "test"]));
  enable = (tenant, webhook) => this.#ask("POST", path(["tenant", tenant, "webhooks", webhook, "enable"]));

  async #stream(where, signal) {
    return this.#call(where, { signal: AbortSignal.any([signal, this.#gone.signal]) });
  }

  async #ask(method, where, body) {
    const more =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    const answer = await this.#call(where, { method, signal: this.#gone.signal, ...more });
    return answer.status === 204 ? null : answer.json();
  }

  async #call(where, { headers = {}, ...more }) {
    if (this.#key === null) throw new DOMException("The key was forgotten.", "AbortError");
    let answer;
    try {
      answer = await this.#fetch(where, {
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        headers: { Authorization: `Bearer ${this.#key}`, ...headers },
        ...more,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(NO_ANSWER);
    }
    if (answer.ok) return answer;
    const refused = await refusalOf(answer);
    if (refused.status === 401) this.#onEnded(refused);
    throw refused;
  }
}

async function refusalOf(answer) {
  const document = await answer.json().catch(() => ({}));
  const words = document.errors?.map(({ loc, msg }) => `${loc}: ${msg}`).join(" ") || document.detail || document.title;
  const after = Number(answer.headers.get("Retry-After"));
  return new Refused(
    words || `The API answered with ${answer.status}.`,
    answer.status,
    document,
    after > 0 ? after : null,
  );
}
