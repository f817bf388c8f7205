// One address and one key, spoken to by the platform's `fetch`; every answer is bounded in size and time.

import { isObject } from "./core/values.js";
import { Unreachable } from "./errors.js";

const LARGEST_BODY = 16 * 1024 * 1024;
const PROBLEM = "urn:bellwire:problem:";
const NO_WAY_IN = 406;

const parsed = (text) => {
  try {
    const found = JSON.parse(text);
    return isObject(found) ? found : null;
  } catch {
    return null;
  }
};

// `Retry-After` in milliseconds, where it is a number of seconds.
const retryAfterMs = (value) => (/^\d{1,9}$/.test(value ?? "") ? Number(value) * 1000 : null);

// `json` is the body where it is a JSON object, `problem` the code of a problem of Bellwire's, null where somebody
// else speaks.
export class Answer {
  constructor(response, text) {
    // A redirection is not followed; a browser tells nothing else of it.
    this.status = response.status || 302;
    this.json = parsed(text);
    const { type, detail } = this.json ?? {};
    this.problem = typeof type === "string" && type.startsWith(PROBLEM) ? type.slice(PROBLEM.length) : null;
    this.detail = this.problem && typeof detail === "string" ? detail : null;
    this.retryAfterMs = retryAfterMs(response.headers.get("retry-after"));
  }

  // As the machine is told of a door: a page of somebody's with a 200 is none.
  get refusal() {
    const { problem, retryAfterMs: wait } = this;
    return { status: this.status === 200 ? NO_WAY_IN : this.status, problem, retryAfterMs: wait };
  }
}

async function textOf(response) {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (const reader = response.body?.getReader(); reader; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > LARGEST_BODY) {
      await reader.cancel();
      throw new Unreachable("the answer is too big", true);
    }
    text += decoder.decode(value, { stream: true });
  }
  return text + decoder.decode();
}

const pathOf = (path, query = {}) => {
  const text = new URLSearchParams(query).toString();
  return text ? `${path}?${text}` : path;
};

export class Client {
  constructor(url, key) {
    const { protocol, host } = new URL(url);
    const scheme = { "ws:": "http:", "wss:": "https:" }[protocol] ?? protocol;
    if (!/^https?:$/.test(scheme) || !host) throw new TypeError(`${url} is no address such as https://orders.example.com`);
    if (!/^[\x21-\x7e]+$/.test(key)) throw new TypeError("the key holds characters that no key has");
    this.key = key;
    this.base = `${scheme}//${host}`;
  }

  webSocketUrl(path, query) {
    return `ws${this.base.slice(4)}${pathOf(path, query)}`;
  }

  // The response with its head; its body is read by the caller, until `signal` ends it. Throws `Unreachable`.
  async open(method, path, { query, body, headers, signal } = {}) {
    const init = {
      method, signal, cache: "no-store", credentials: "omit", redirect: "manual",
      headers: { Authorization: `Bearer ${this.key}`, ...headers },
    };
    if (body != null) {
      init.body = JSON.stringify(body);
      init.headers["Content-Type"] = "application/json";
    }
    try {
      return await fetch(this.base + pathOf(path, query), init);
    } catch (error) {
      throw new Unreachable(`no answer (${error.cause?.code ?? error.name})`, false);
    }
  }

  // One request and its whole answer. Throws `Unreachable`, also where there is none within `seconds`.
  async ask(method, path, { seconds = 15, signal, ...more } = {}) {
    const ending = new AbortController();
    const abort = () => ending.abort();
    const timer = setTimeout(abort, seconds * 1000);
    signal?.addEventListener("abort", abort);
    let response;
    try {
      response = await this.open(method, path, { ...more, signal: ending.signal });
      return new Answer(response, await textOf(response));
    } catch (error) {
      if (ending.signal.aborted) throw new Unreachable(`no answer within ${seconds} s`, true);
      if (error instanceof Unreachable) throw error;
      throw new Unreachable(`the answer was cut (${error.name})`, true);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  // Whether anything answers at this address at all.
  async isReached() {
    if (globalThis.navigator?.onLine === false) return false;
    try {
      await fetch(this.base, { method: "HEAD", mode: "no-cors", redirect: "manual", signal: AbortSignal.timeout(5_000) });
      return true;
    } catch {
      return false;
    }
  }
}

export const answerOf = async (response) => new Answer(response, await textOf(response));
