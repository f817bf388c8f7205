// What the shared stream has brought of late, in its order: offsets are opaque, so their order is where they came.

const MOST_SIGNS = 2 * 1024 * 1024;
// Many more than a till has in its line, so that what one asks about is known.
const MOST_OFFSETS = 8_192;

export class Ring {
  // The last offset that came, or the one where it begins; null where nothing is known.
  position = null;
  #numbers = new Map();
  #texts = new Map();
  #next = 0;
  #signs = 0;
  // The last event whose text is gone.
  #gone = 0;

  // A number that rises with the stream, null where the offset is not known.
  place(offset) {
    return this.#numbers.get(offset) ?? null;
  }

  // The stream goes on behind an offset; where that is not known it is another stream.
  begin(offset) {
    if (this.place(offset) !== null) return;
    this.clear();
    this.#put(offset);
  }

  clear() {
    this.position = null;
    this.#numbers.clear();
    this.#texts.clear();
    this.#signs = 0;
  }

  // An event, or a mark without a text. False where it was there before.
  add(offset, text = null) {
    if (this.place(offset) !== null) return false;
    this.#put(offset);
    if (text !== null) {
      this.#texts.set(this.#next, text);
      this.#signs += text.length;
    }
    this.#trim();
    return true;
  }

  #put(offset) {
    this.#next += 1;
    this.#numbers.set(offset, this.#next);
    this.position = offset;
  }

  #trim() {
    for (const [offset] of this.#numbers) {
      if (this.#numbers.size <= MOST_OFFSETS) break;
      this.#numbers.delete(offset);
    }
    for (const [number, text] of this.#texts) {
      if (this.#signs <= MOST_SIGNS) break;
      this.#texts.delete(number);
      this.#signs -= text.length;
      this.#gone = number;
    }
  }

  // The events behind an offset; null where they are not all here.
  after(offset) {
    const place = this.place(offset);
    if (place === null || place < this.#gone) return null;
    return [...this.#texts].filter(([number]) => number > place).map(([, text]) => text);
  }
}
