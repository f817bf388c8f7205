// The three silences that mean a dead stream: no hello, no heartbeat, a head that is not reached. Pure.

export const HELLO_MS = 10_000;
const SILENT_HEARTBEATS = 2.5;
const BEHIND_MS = 3_000;
const PROBE_MS = 5_000;

export class Watch {
  silentAt = null;
  behindAt = null;
  #patienceMs = HELLO_MS;

  // A connection is being made: something has to be heard soon.
  begin(now, patienceMs = HELLO_MS) {
    this.#patienceMs = patienceMs;
    this.silentAt = now + patienceMs;
    this.behindAt = null;
  }

  hello(heartbeatSeconds) {
    this.#patienceMs = Math.floor(SILENT_HEARTBEATS * heartbeatSeconds * 1000);
  }

  heard(now) {
    this.silentAt = now + this.#patienceMs;
  }

  // The server was asked whether it is there.
  probe(now) {
    this.silentAt = Math.min(this.silentAt ?? now + PROBE_MS, now + PROBE_MS);
  }

  // An event came: whatever is still missing may be right behind it.
  progress() {
    this.behindAt = null;
  }

  head(now, reached) {
    if (reached) this.behindAt = null;
    else this.behindAt ??= now + BEHIND_MS;
  }

  // Nothing is read at the moment, or there is no stream: silence means nothing.
  rest() {
    this.silentAt = this.behindAt = null;
  }
}
