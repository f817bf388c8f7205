// The last minutes of frames, a place a second, for charts. A second without a frame is a gap. Pure.

export const SECONDS = 300;
// A chart that has just begun is so wide, and not a dot at the end of a void.
const LEAST_SECONDS = 60;

export class History {
  #figures = new Map();

  // Take a frame; of two of one second the later counts.
  add(frame) {
    const second = secondOf(frame);
    this.#figures.set(second, {
      events: frame.eventsPerSecond,
      deliveries: frame.deliveriesPerSecond,
      p50: frame.delivery?.p50 ?? null,
      p99: frame.delivery?.p99 ?? null,
      gateways: new Map(gateways(frame).map((pod) => [pod.pod, connectionsOf(pod)])),
    });
    for (const old of this.#figures.keys()) if (old <= second - SECONDS) this.#figures.delete(old);
  }

  // One figure of each second, oldest first, null where there was none.
  series(name) {
    return this.#each((figures) => figures[name]);
  }

  // The connections of one gateway.
  connections(pod) {
    return this.#each((figures) => figures.gateways.get(pod) ?? null);
  }

  // The gateways that were there, by name.
  get gateways() {
    return [...new Set([...this.#figures.values()].flatMap(({ gateways: known }) => [...known.keys()]))].sort();
  }

  // How many seconds the series reach back.
  get seconds() {
    const known = [...this.#figures.keys()];
    return known.length ? Math.max(LEAST_SECONDS, Math.max(...known) - Math.min(...known) + 1) : LEAST_SECONDS;
  }

  #each(pick) {
    const last = Math.max(...this.#figures.keys());
    const { seconds } = this;
    return Array.from({ length: seconds }, (_, index) => {
      const figures = this.#figures.get(last - seconds + 1 + index);
      return figures ? pick(figures) : null;
    });
  }
}

const secondOf = (frame) => Math.floor(Date.parse(frame.at) / 1_000);

export const gateways = (frame) => frame.pods.filter(({ kind }) => kind === "gateway");

// How many terminals a gateway has now; null where nobody can tell. One without a word has none that it could serve.
export function connectionsOf({ state, connections }) {
  if (state === "silent") return 0;
  return connections ? Object.values(connections).reduce((sum, count) => sum + count, 0) : null;
}

export const connectionsOfAll = (frame) => gateways(frame).reduce((sum, pod) => sum + (connectionsOf(pod) ?? 0), 0);
