// The time as the server has it: a kitchen's tablet is minutes off more often than not, and ages would be too.

// A header has whole seconds, and an answer takes its time: what is within that is no difference.
const LEAST_MS = 3_000;

export class Clock {
  #ahead = 0;
  #wall;

  constructor(wall = () => Date.now()) {
    this.#wall = wall;
  }

  now() {
    return this.#wall() + this.#ahead;
  }

  // An answer came, with its `Date` header, to a question that was asked at `asked` of this machine's time.
  learn(header, asked) {
    const server = Date.parse(header ?? "");
    if (Number.isNaN(server)) return;
    const answered = this.#wall();
    const ahead = server + 500 - (asked + answered) / 2;
    this.#ahead = Math.abs(ahead) < LEAST_MS + (answered - asked) / 2 ? 0 : ahead;
  }
}

export const clock = new Clock();
