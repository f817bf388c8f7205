// Where a page keeps what its owner gave no place for: IndexedDB, `localStorage` where there is none, else its memory.

import { StorageFailed } from "./errors.js";
import { database, IndexedCursor, IndexedLog } from "./indexed.js";
import { nameOf, outboxOf } from "./naming.js";
import { MemoryCursor, MemoryLog, StorageCursor, StorageLog } from "./stores.js";

// How browsers say that this page may not have it at all. Any other failure is one of the disk.
const NONE = ["ReferenceError", "TypeError", "SecurityError", "InvalidStateError", "NotSupportedError"];

async function place() {
  try {
    await database();
    return "indexedDB";
  } catch (error) {
    if (!NONE.includes(error.name)) throw new StorageFailed("storage", null, `IndexedDB: ${error.message}`);
  }
  try {
    return localStorage.getItem("bellwire") === undefined ? "memory" : "localStorage";
  } catch {
    return "memory";
  }
}

// The browser's word that something was kept under this name: IndexedDB may be emptied, and cannot say so itself.
const witness = (name, change) => {
  try {
    const isThere = localStorage.getItem(name) !== null;
    if (change) localStorage.setItem(name, "kept");
    return isThere;
  } catch {
    return false;
  }
};

class WitnessedCursor extends IndexedCursor {
  #report;

  constructor(name, report) {
    super(name);
    this.#report = report;
  }

  async hold() {
    const before = await super.hold();
    if (before === 0 && witness(this.name)) {
      this.#report({ kind: "store", in: "indexedDB", lost: true, detail: "the browser has lost what was kept" });
    }
    witness(this.name, true);
  }
}

// `{cursor, log}` of a terminal. `report` is told where it is not IndexedDB, and where that was emptied.
export async function keepingOf(store, parts, report) {
  const name = nameOf(store, parts);
  const where = await place();
  if (where === "indexedDB") return { cursor: new WitnessedCursor(name, report), log: new IndexedLog(outboxOf(name)) };
  report({ kind: "store", in: where, lost: false, detail: `there is no IndexedDB here; kept in: ${where}` });
  if (where === "memory") return { cursor: new MemoryCursor(), log: new MemoryLog() };
  return { cursor: new StorageCursor(`${name} cursor`), log: new StorageLog(outboxOf(name)) };
}

