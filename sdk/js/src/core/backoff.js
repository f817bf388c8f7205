// How long to stay away: full jitter, and the server's own word where it gave one. Pure.

export const FIRST_MS = 2_000;
const LONGEST_MS = 30_000;
const LONGEST_SLOT_MS = 600_000;
// A proxy's `Retry-After` of a year must not switch a till off.
const LONGEST_RETRY_AFTER_MS = 300_000;
// A stream that lived so long owes nothing to the streams before it.
const STEADY_MS = 5_000;

export class Backoff {
  failures = 0;
  // Streams in a row that began and did not last: a server may accept everybody, and die of it.
  shortLives = 0;

  constructor(firstMs = FIRST_MS) {
    this.firstMs = firstMs;
  }

  steady() {
    this.failures = 0;
  }

  // A stream began, and is over. That it began forgives all that was refused before it.
  lived(milliseconds) {
    if (milliseconds >= STEADY_MS) {
      this.failures = this.shortLives = 0;
    } else {
      this.failures = this.shortLives++;
    }
  }

  // A slot is this terminal's own moment, kept to the millisecond; `Retry-After` is said to a crowd: jitter on top.
  // Neither counts as a failure: there was nothing to guess.
  waitMs(chance, slotMs, retryAfterMs) {
    if (slotMs != null) return Math.min(slotMs, LONGEST_SLOT_MS);
    if (retryAfterMs != null) {
      return Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) + Math.floor(chance * this.firstMs);
    }
    const ceiling = Math.min(LONGEST_MS, this.firstMs * 2 ** Math.min(this.failures++, 10));
    return Math.floor(chance * ceiling);
  }
}
