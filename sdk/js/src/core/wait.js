// The wait before one thing is tried again, and the word that shortens it. Pure.

// A network that is back is back for a whole shop: its tills spread over this.
export const NUDGE_MS = 1_000;

export class Wait {
  // The moment of the next try, null where none is waited for.
  until = null;
  #isFixed = false;
  #isNudged = false;

  // The thing is tried now, or it is done.
  over() {
    this.until = null;
    this.#isNudged = false;
  }

  // The try failed; answers how long to wait. `isFixed`: somebody else said so, and no word shortens it.
  begin(now, milliseconds, chance, isFixed = false) {
    const ms = this.#isNudged && !isFixed ? Math.min(milliseconds, Math.floor(chance * NUDGE_MS)) : milliseconds;
    this.until = now + ms;
    this.#isFixed = isFixed;
    this.#isNudged = false;
    return ms;
  }

  // There is a network again. A try that is under way may be of before: should it fail, the next one comes soon.
  online(now, chance, isTrying) {
    if (this.until === null) this.#isNudged = isTrying;
    else if (!this.#isFixed) this.until = Math.min(this.until, now + Math.floor(chance * NUDGE_MS));
  }

  // Whether it was long enough.
  isOver(now) {
    return this.until !== null && now >= this.until;
  }
}
