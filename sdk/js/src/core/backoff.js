// How long to stay away: full jitter, and the server's own word where it gave one. Pure.

export const FIRST_MS = 2_000;
const LONGEST_MS = 30_000;
const LONGEST_SLOT_MS = 600_000;
// A proxy's `Retry-After` of a year must not switch a till off.
const LONGEST_RETRY_AFTER_MS = 300_000;
// A connection that lived so long owes nothing to the failures before it.
export const STEADY_MS = 5_000;

export class Backoff {
  failures = 0;

  constructor(firstMs = FIRST_MS) {
    this.firstMs = firstMs;
  }

  steady() {
    this.failures = 0;
  }

  // A slot is this terminal's own moment, kept to the millisecond; `Retry-After` is said to a crowd: jitter on top.
  waitMs(chance, slotMs, retryAfterMs) {
    const ceiling = Math.min(LONGEST_MS, this.firstMs * 2 ** Math.min(this.failures++, 10));
    if (slotMs != null) return Math.min(slotMs, LONGEST_SLOT_MS);
    if (retryAfterMs != null) {
      return Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) + Math.floor(chance * this.firstMs);
    }
    return Math.floor(chance * ceiling);
  }
}
