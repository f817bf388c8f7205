// The board and the cursor in IndexedDB, written in one transaction: what the cursor has passed is on the board.
//
// A power cut may take the last transactions, and then takes both: those events come again. Where the browser keeps
// nothing there is no cursor either, and each start begins with all open orders.

const NAME = "bellwire.till";
const VERSION = 1;
const CURSOR = "cursor";
const AT_ONCE = 25;

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const over = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

function opened(idb) {
  const request = idb.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("orders", { keyPath: "orderId" });
    request.result.createObjectStore("facts");
  };
  return done(request);
}

export class Store {
  #idb;
  #db = null;
  #staged = [];

  constructor(idb = globalThis.indexedDB) {
    this.#idb = idb;
  }

  // Open it, and answer the orders that were kept; none where nothing can be.
  async open() {
    try {
      this.#db = await opened(this.#idb);
      // Another window forgets this till: let it.
      this.#db.onversionchange = () => this.close();
      return await done(this.#db.transaction("orders").objectStore("orders").getAll());
    } catch {
      this.#db = null;
      return [];
    }
  }

  // The changes of an event, to be written with the cursor that passes it: `{kept, gone}` or `{all}`.
  stage(change) {
    if (change.all || change.kept || change.gone) this.#staged.push(change);
  }

  // As the SDK has a cursor.
  get cursor() {
    return {
      load: async () => (this.#db ? ((await done(this.#facts().get(CURSOR))) ?? null) : null),
      save: (kept) => this.#write(kept),
    };
  }

  // The next start begins with all open orders.
  async dropCursor() {
    if (this.#db) await done(this.#facts("readwrite").delete(CURSOR));
  }

  // What changed without an event.
  async write(change) {
    this.stage(change);
    await this.#write(null);
  }

  async #write(kept) {
    const changes = this.#staged;
    this.#staged = [];
    if (!this.#db) return;
    const transaction = this.#db.transaction(["orders", "facts"], "readwrite");
    const orders = transaction.objectStore("orders");
    const ended = over(transaction);
    for (const { all, kept: put = [], gone = [] } of changes) {
      if (all) orders.clear();
      // A few at a time: to copy hundreds of them at once is longer than a frame.
      const wanted = all ?? put;
      for (let from = 0; from < wanted.length; from += AT_ONCE) {
        const requests = wanted.slice(from, from + AT_ONCE).map((order) => orders.put(order));
        await done(requests.at(-1));
      }
      for (const orderId of gone) orders.delete(orderId);
    }
    if (kept) transaction.objectStore("facts").put(kept, CURSOR);
    await ended;
  }

  #facts(mode = "readonly") {
    return this.#db.transaction("facts", mode).objectStore("facts");
  }

  close() {
    this.#db?.close();
    this.#db = null;
  }

  // Take all of it away.
  async forget() {
    this.close();
    await done(this.#idb.deleteDatabase(NAME)).catch(() => {});
  }
}
