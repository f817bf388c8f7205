// What a page keeps in IndexedDB: a cursor and logs, each change a transaction that is on the disk when it answers.
//
// A crash leaves a transaction whole or not at all; that the bytes are those that were written, each record says for
// itself. Whoever `hold`s a name has it from then on: an earlier holder's next change is `InUse`, and changes nothing.

import { Damaged, readCursor, readRecord, record } from "./core/records.js";
import { InUse } from "./errors.js";

const DATABASE = "bellwire";
const CURSORS = "cursors";
const RECORDS = "records";
const HOLDERS = "holders";

const encoder = new TextEncoder();
const all = (name) => IDBKeyRange.bound([name, 0], [name, Infinity]);
let opened = null;

// The database; it is opened again after the browser closed it, as when its owner clears what pages keep.
export function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      for (const name of [CURSORS, RECORDS, HOLDERS]) request.result.createObjectStore(name);
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const db = request.result;
      const close = () => {
        db.close();
        opened = null;
      };
      db.onversionchange = close;
      db.onclose = close;
      resolve(db);
    };
  });
  opened.catch(() => (opened = null));
  return opened;
}

// Do `work(transaction)`, all of it or nothing; answers the result of the request that it returns.
async function transact(mode, work) {
  const db = await database();
  return new Promise((resolve, reject) => {
    const transaction = db.transaction([CURSORS, RECORDS, HOLDERS], mode, { durability: "strict" });
    let wrong = null;
    const fail = (error) => {
      wrong = error;
      transaction.abort();
    };
    const request = work(transaction, fail);
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(wrong ?? transaction.error);
  });
}

class Kept {
  #holding = null;

  constructor(name) {
    this.name = name;
  }

  // Have the name from now on. Answers how often it was taken before.
  async hold() {
    let before;
    await transact("readwrite", (transaction) => {
      const holders = transaction.objectStore(HOLDERS);
      const request = holders.get(this.name);
      request.onsuccess = () => {
        before = request.result ?? 0;
        holders.put(before + 1, this.name);
      };
    });
    this.#holding = before + 1;
    return before;
  }

  // Change something, where nobody else took the name meanwhile.
  change(work) {
    return transact("readwrite", (transaction, fail) => {
      const request = transaction.objectStore(HOLDERS).get(this.name);
      request.onsuccess = () => {
        if (this.#holding === null || request.result === this.#holding) work(transaction);
        else fail(new InUse(`${this.name}: another tab has it now`));
      };
    });
  }

  damaged(why) {
    return new Damaged(`IndexedDB, ${this.name}: ${why}`);
  }
}

export class IndexedCursor extends Kept {
  async load() {
    const text = await transact("readonly", (transaction) => transaction.objectStore(CURSORS).get(this.name));
    if (text === undefined) return null;
    if (typeof text !== "string") throw this.damaged("the record is no text");
    return readCursor(text, `IndexedDB, ${this.name}`);
  }

  save(kept) {
    return this.change((transaction) => transaction.objectStore(CURSORS).put(record(kept), this.name));
  }
}

export class IndexedLog extends Kept {
  // The number of the next record.
  #next = 1;

  async load() {
    let keys = [];
    const texts = await transact("readonly", (transaction) => {
      const records = transaction.objectStore(RECORDS);
      const request = records.getAllKeys(all(this.name));
      request.onsuccess = () => (keys = request.result);
      return records.getAll(all(this.name));
    });
    const values = texts.map((text, index) => this.#valueOf(text, keys[index][1], keys[0][1] + index));
    this.#next = (keys.at(-1)?.[1] ?? 0) + 1;
    return values;
  }

  // Records have numbers without a gap: one that is missing is no record less, but damage.
  #valueOf(text, number, wanted) {
    if (number !== wanted) throw this.damaged(`record ${wanted} is missing`);
    if (typeof text !== "string") throw this.damaged(`record ${number} is no text`);
    try {
      return readRecord(encoder.encode(text));
    } catch (error) {
      throw this.damaged(`record ${number}: ${error.message}`);
    }
  }

  async append(value) {
    const key = [this.name, this.#next];
    await this.change((transaction) => transaction.objectStore(RECORDS).add(record(value), key));
    this.#next += 1;
  }

  async rewrite(values) {
    const first = this.#next;
    await this.change((transaction) => {
      const records = transaction.objectStore(RECORDS);
      records.delete(all(this.name));
      values.forEach((value, index) => records.add(record(value), [this.name, first + index]));
    });
    this.#next = first + values.length;
  }
}
