// How long orders took from their commit to a till: percentiles of the last ones, and a minute of seconds. Pure.

export const KEPT = 6_000;
export const SECONDS = 60;

export function percentile(sorted, share) {
  if (!sorted.length) return null;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

export class Latency {
  #last = [];
  #next = 0;
  #seconds = new Map();

  // A till was handed an order `ms` after its commit, at `now` (milliseconds of any clock that only rises).
  add(ms, now) {
    // Both moments are whole milliseconds of one machine: a clock that was set back is no latency.
    const took = Math.max(0, ms);
    this.#last[this.#next] = took;
    this.#next = (this.#next + 1) % KEPT;
    const second = Math.floor(now / 1_000);
    const there = this.#seconds.get(second);
    if (there) there.push(took);
    else this.#seconds.set(second, [took]);
    for (const old of this.#seconds.keys()) if (old <= second - SECONDS) this.#seconds.delete(old);
  }

  get count() {
    return this.#last.length;
  }

  // Of the last `KEPT` hand-overs; null before the first.
  summary() {
    const sorted = [...this.#last].sort((a, b) => a - b);
    return { p50: percentile(sorted, 0.5), p999: percentile(sorted, 0.999) };
  }

  // The last minute, oldest second first: `{p50, most}`, or null for a second without an order.
  minute(now) {
    const last = Math.floor(now / 1_000);
    return Array.from({ length: SECONDS }, (_, index) => {
      const there = this.#seconds.get(last - SECONDS + 1 + index);
      if (!there) return null;
      const sorted = [...there].sort((a, b) => a - b);
      return { p50: percentile(sorted, 0.5), most: sorted.at(-1) };
    });
  }
}
