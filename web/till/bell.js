// The sound of a new order, until somebody accepts it: two tones, again and again. No file: the browser makes them.

const EVERY_MS = 2_000;
const TONES = [[880, 0], [1174.66, 0.18]];
const SECONDS = 0.5;

export class Bell {
  isOn = true;
  #wanted = 0;
  #context = null;
  #timer = null;
  #newContext;
  #onChange;

  // `onChange` is called when whether it rings, or whether the browser lets it, may have changed.
  constructor({ newContext = () => new AudioContext(), onChange = () => {} } = {}) {
    this.#newContext = newContext;
    this.#onChange = onChange;
  }

  get isRinging() {
    return this.#timer !== null;
  }

  // A browser lets nothing be heard before somebody touched the page.
  get isBlocked() {
    return this.isOn && this.#wanted > 0 && this.#context?.state !== "running";
  }

  // So many orders wait for somebody.
  want(count) {
    const isMore = count > this.#wanted;
    this.#wanted = count;
    this.#ring(isMore);
  }

  turn(isOn) {
    this.isOn = isOn;
    this.#ring(isOn);
  }

  // Somebody touched the page.
  async touched() {
    this.#context ??= this.#newContext();
    if (this.#context.state === "suspended") await this.#context.resume().catch(() => {});
    this.#ring(true);
  }

  #ring(atOnce) {
    const rings = this.isOn && this.#wanted > 0;
    if (!rings) {
      clearInterval(this.#timer);
      this.#timer = null;
    } else if (this.#timer === null) {
      this.#timer = setInterval(() => this.#play(), EVERY_MS);
      this.#play();
    } else if (atOnce) {
      this.#play();
    }
    this.#onChange();
  }

  #play() {
    this.#context ??= this.#newContext();
    const context = this.#context;
    if (context.state !== "running") return;
    for (const [pitch, after] of TONES) {
      const [tone, loudness] = [context.createOscillator(), context.createGain()];
      const from = context.currentTime + after;
      tone.type = "triangle";
      tone.frequency.value = pitch;
      loudness.gain.setValueAtTime(0.0001, from);
      loudness.gain.exponentialRampToValueAtTime(0.5, from + 0.02);
      loudness.gain.exponentialRampToValueAtTime(0.0001, from + SECONDS);
      tone.connect(loudness).connect(context.destination);
      tone.start(from);
      tone.stop(from + SECONDS);
    }
  }
}
