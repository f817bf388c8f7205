// A stream that is read for as long as somebody looks: how it stands, and when it is opened again. `Link` is pure:
// moments and chances come in. `follow` carries it out.

import { read } from "./sse.js";

const FIRST_MS = 500;
const MOST_MS = 15_000;

// States: `connecting`; `live`; `silent` (open, without a word); `waiting` (for the next try, at `retryAt`); and two
// that are final: `refused` (this key may not) and `ended` (it is valid no more). `since` is when it became so; of a
// silence the last word.
export class Link {
  state = "connecting";
  // The words of the last refusal, null where there was none.
  why = null;
  retryAt = null;
  since;
  #heardAt;
  #tries = 0;
  #silentMs;
  #giveUpMs;

  constructor(now, { silentMs = 4_000, giveUpMs = 12_000 } = {}) {
    this.since = now;
    this.#heardAt = now;
    this.#silentMs = silentMs;
    this.#giveUpMs = giveUpMs;
  }

  // It is being opened.
  open(now) {
    this.#heardAt = now;
    this.retryAt = null;
    if (this.state !== "waiting") this.#become("connecting", now);
  }

  // Something came.
  hear(now) {
    this.#heardAt = now;
    this.#tries = 0;
    this.why = null;
    this.#become("live", now);
  }

  // A look at the clock; true when what is open is to be given up.
  look(now) {
    if (this.retryAt !== null || this.isOver) return false;
    const quiet = now - this.#heardAt;
    if (quiet >= this.#silentMs && this.state === "live") this.#become("silent", this.#heardAt);
    return quiet >= this.#giveUpMs;
  }

  // It came to an end: `reason` of a `close`, `status` and `why` of a refusal, none where the network broke it.
  // `chance` is from 0 to 1. Gives the milliseconds until it is opened again, null for never.
  end({ reason = null, status = null, why = null, retryAfter = null }, now, chance) {
    this.why = why;
    if (reason === "ended" || status === 401) return this.#finish("ended", now);
    if (status === 403) return this.#finish("refused", now);
    this.#become("waiting", now);
    // Its time was over, or the pod goes: the next one is there.
    const wait = reason !== null ? chance * FIRST_MS : this.#pause(chance, retryAfter);
    this.retryAt = now + wait;
    return wait;
  }

  get isOver() {
    return this.state === "ended" || this.state === "refused";
  }

  #pause(chance, retryAfter) {
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** this.#tries);
    this.#tries += 1;
    return Math.max(most * (0.5 + chance / 2), (retryAfter ?? 0) * 1_000);
  }

  #finish(state, now) {
    this.retryAt = null;
    this.#become(state, now);
    return null;
  }

  #become(state, now) {
    if (this.state === state) return;
    this.state = state;
    this.since = now;
  }
}

const LOOK_MS = 500;

// Follow a stream until `signal` ends it or `link` is over. `open(signal)` answers with a response, `hand(event)` gets
// each event, `onState(link)` is called after all that may have changed it.
export async function follow(
  link,
  open,
  hand,
  onState,
  signal,
  { clock = () => Date.now(), chance = Math.random } = {},
) {
  while (!signal.aborted) {
    const end = await once(link, open, hand, onState, signal, clock);
    if (signal.aborted) return;
    const wait = link.end(end, clock(), chance());
    onState(link);
    if (wait === null) return;
    await pause(wait, signal);
  }
}

// Open it once, and read it to its end; gives what `Link.end` takes.
async function once(link, open, hand, onState, signal, clock) {
  const given = new AbortController();
  const both = AbortSignal.any([signal, given.signal]);
  link.open(clock());
  onState(link);
  const looks = setInterval(() => {
    if (link.look(clock())) given.abort();
    onState(link);
  }, LOOK_MS);
  let end = {};
  try {
    const { body } = await open(both);
    await read(body, (event) => {
      if (both.aborted) return;
      if (event?.event === "close") end = { reason: JSON.parse(event.data).reason };
      else {
        link.hear(clock());
        onState(link);
        if (event) loudly(() => hand(event));
      }
    });
  } catch (error) {
    const { status = null, retryAfter = null } = error;
    if (end.reason === undefined) end = { status, retryAfter, why: status === null ? null : error.message };
  } finally {
    clearInterval(looks);
  }
  return end;
}

// A fault of the page's own is no fault of the stream, which goes on. It is heard of all the same.
function loudly(work) {
  try {
    work();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

const pause = (ms, signal) =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
