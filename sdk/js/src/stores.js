// Where a page keeps what must not be lost: in its memory, or in a storage such as `localStorage`.

import { readCursor, readLog, record, Damaged } from "./core/records.js";

const encoder = new TextEncoder();

// A cursor that a restart forgets: the server's last ack is then where it goes on.
export class MemoryCursor {
  kept = null;

  load() {
    return this.kept;
  }

  save(kept) {
    this.kept = kept;
  }
}

// A cursor under a name of its own in a storage; its record says for itself whether it is whole.
export class StorageCursor {
  constructor(name, storage = globalThis.localStorage) {
    this.name = name;
    this.storage = storage;
  }

  load() {
    const text = this.storage.getItem(this.name);
    return text === null ? null : readCursor(text, this.name);
  }

  save(kept) {
    this.storage.setItem(this.name, record(kept));
  }
}

export class MemoryLog {
  values = [];

  load() {
    return [...this.values];
  }

  append(value) {
    this.values.push(value);
  }

  rewrite(values) {
    this.values = [...values];
  }
}

// A log under a name of its own in a storage, which takes it whole or not at all.
export class StorageLog {
  constructor(name, storage = globalThis.localStorage) {
    this.name = name;
    this.storage = storage;
  }

  load() {
    const text = this.storage.getItem(this.name) ?? "";
    try {
      const { values, torn } = readLog(encoder.encode(text));
      if (torn) throw new Damaged("the last record is cut");
      return values;
    } catch (error) {
      throw new Damaged(`${this.name}: ${error.message}`);
    }
  }

  append(value) {
    this.storage.setItem(this.name, (this.storage.getItem(this.name) ?? "") + record(value));
  }

  rewrite(values) {
    this.storage.setItem(this.name, values.map(record).join(""));
  }
}

// Events that a handler could not take: `{event, attempts, error, at}` each, the oldest first.
export class DeadLetters {
  #log;

  constructor(log = new MemoryLog()) {
    this.#log = log;
  }

  async entries() {
    return this.#log.load();
  }

  async add(letter) {
    await this.#log.append(letter);
  }

  // Somebody dealt with it.
  async remove(offset) {
    const left = (await this.#log.load()).filter((one) => one.event.offset !== offset);
    await this.#log.rewrite(left);
  }
}
