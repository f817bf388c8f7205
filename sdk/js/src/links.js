// The three doors: a link opens one, hands what comes of it to `feed`, and carries out what is to be sent.
//
// A link knows bytes and messages, and nothing of offsets. Everything that it feeds carries its number.

import { Unreachable } from "./errors.js";
import { answerOf } from "./http.js";

const LARGEST_MESSAGE = 1024 * 1024;
// A browser reads a WebSocket whether one listens or not: what came while nobody read waits here, up to so many signs.
const LARGEST_BACKLOG = 8 * 1024 * 1024;
const HANDSHAKE_MS = 12_000;
const POLL_SLACK_SECONDS = 20;
const CUT = 1006;
const GAVE_UP = 4000;

export class Link {
  detail = null;
  #client;
  #tenant;
  #feed;
  #wishes;
  #socket = null;
  #ending = new AbortController();
  #isOver = false;
  #backlog = [];
  #backlogSize = 0;
  #isDraining = false;
  #isPaused = false;
  #resumed = () => {};
  #unopened = () => {};

  // `wishes`: `WebSocket`, the class to use, `tickets`, whether a ticket is sent in the place of the key, and `heard(text)`,
  // which is told of each message when it comes.
  constructor(number, client, tenant, feed, wishes) {
    this.number = number;
    this.#client = client;
    this.#tenant = encodeURIComponent(tenant);
    this.#feed = feed;
    this.#wishes = wishes;
  }

  pause() {
    this.#isPaused = true;
  }

  resume() {
    this.#isPaused = false;
    this.#resumed();
    this.#drain();
  }

  // Waiting messages go in one by one, each when the machine has said what it makes of the one before: it may be `pause`.
  async #drain() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    await null;
    while (!this.#isPaused && this.#backlog.length) {
      const { take, size } = this.#backlog.shift();
      this.#backlogSize -= size;
      take();
      await null;
    }
    this.#isDraining = false;
  }

  send(message) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  close(code) {
    this.#isOver = true;
    this.#backlog = [];
    this.#resumed();
    this.#ending.abort();
    this.#unopened();
    const socket = this.#socket;
    this.#socket = null;
    // A page may say 1000 and 3000 to 4999, and no other code.
    socket?.close(code === 1000 || code >= 3000 ? code : GAVE_UP);
  }

  #say(type, members) {
    if (!this.#isOver) this.#feed(type, { link: this.number, ...members });
  }

  // Tell of it at once, also while nobody reads here.
  #hear(text) {
    if (!this.#isOver) this.#wishes.heard?.(text);
  }

  #message(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      this.#say("garbled");
      return;
    }
    this.#say("message", { message });
  }

  #refused(answer) {
    this.detail = answer.detail;
    this.#say("refused", answer.refusal);
  }

  #failed(error) {
    if (!(error instanceof Unreachable)) throw error;
    this.#say("failed", { reached: error.reached, reason: error.message });
  }

  async webSocket(query) {
    const protocols = ["bellwire.v1", "bellwire.codes"];
    if (this.#wishes.tickets) {
      let answer;
      try {
        answer = await this.#client.ask("POST", `/api/tenant/${this.#tenant}/tickets`, { signal: this.#ending.signal });
      } catch (error) {
        this.#failed(error);
        return;
      }
      if (answer.status !== 201) {
        this.#refused(answer);
        return;
      }
      query = { ...query, ticket: answer.json.ticket };
    } else {
      protocols.push(`bearer.${this.#client.key}`);
    }
    if (this.#isOver) return;
    const url = this.#client.webSocketUrl(`/ws/pos/${this.#tenant}`, query);
    const socket = new this.#wishes.WebSocket(url, protocols);
    this.#socket = socket;
    let isOpen = false;
    socket.onmessage = ({ data }) => {
      this.#hear(data);
      this.#inTurn(() => this.#message(data), data.length);
    };
    await new Promise((resolve) => {
      // One that never was open may end with an error alone: Node 20 tells no close of it, not of our own either.
      this.#unopened = () => {
        if (isOpen) return;
        clearTimeout(patience);
        resolve();
      };
      const patience = setTimeout(() => {
        socket.close();
        this.#unopened();
      }, HANDSHAKE_MS);
      socket.onopen = () => {
        isOpen = true;
        clearTimeout(patience);
      };
      socket.onerror = () => this.#unopened();
      socket.onclose = ({ code, reason }) => {
        clearTimeout(patience);
        this.#socket = null;
        if (isOpen) this.#inTurn(() => this.#say("closed", { code, reason }), 0);
        resolve();
      };
    });
    if (!isOpen && !this.#isOver) {
      this.#socket = null;
      // A page is not told why there was no WebSocket: whether anything is there at all decides about the door.
      this.#say("failed", { reached: await this.#client.isReached(), reason: "no WebSocket" });
    }
  }

  #inTurn(take, size) {
    if (!this.#isPaused && !this.#backlog.length) {
      take();
      return;
    }
    if (size && this.#backlogSize > LARGEST_BACKLOG) {
      // Waiting messages are handled, and then the rest comes over another connection.
      this.#socket?.close(GAVE_UP);
      return;
    }
    this.#backlogSize += size;
    this.#backlog.push({ take, size });
  }

  async sse(query) {
    const asked = { query, headers: { Accept: "text/event-stream" }, signal: this.#ending.signal };
    let response;
    try {
      response = await this.#client.open("GET", `/sse/pos/${this.#tenant}`, asked);
      if (response.status !== 200 || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
        this.#refused(await answerOf(response));
        return;
      }
    } catch (error) {
      if (error instanceof Unreachable) this.#failed(error);
      else this.#say("failed", { reached: true, reason: error.name });
      return;
    }
    let end = { code: CUT, reason: "" };
    try {
      for await (const { name, data } of events(response.body)) {
        if (name !== "close") this.#hear(data);
        while (this.#isPaused && !this.#isOver) await new Promise((resolve) => (this.#resumed = resolve));
        if (this.#isOver) return;
        if (name === "close") {
          const { code, reason } = JSON.parse(data);
          end = { code, reason };
          break;
        }
        this.#message(data);
      }
    } catch {
      // It was cut, or is no stream of events.
    }
    this.#say("closed", end);
  }

  async poll(query, wait) {
    try {
      const answer = await this.#client.ask("GET", `/api/tenant/${this.#tenant}/events`, {
        query: { ...query, wait }, seconds: wait + POLL_SLACK_SECONDS, signal: this.#ending.signal,
      });
      if (answer.status === 200 && answer.json) this.#say("page", { page: answer.json });
      else this.#refused(answer);
    } catch (error) {
      this.#failed(error);
    }
  }
}

// Events of a stream as name and data, by the rules of HTML's event streams, with a bound.
export async function* events(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let name = "message";
  let data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      if (rest.length > LARGEST_MESSAGE) throw new RangeError("a line is too long");
      for (const line of lines.map((raw) => raw.replace(/\r+$/, ""))) {
        if (!line) {
          if (data.length) yield { name, data: data.join("\n") };
          name = "message";
          data = [];
          continue;
        }
        const [, field, text] = /^([^:]*):? ?(.*)$/s.exec(line);
        if (field === "event") name = text;
        else if (field === "data") data.push(text);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
