// A till for Bellwire that cannot get it wrong: every event once, in order, over cuts, crashes and offline hours.

export { Board } from "./board.js";
export { Claim } from "./claims.js";
export { Clock } from "./clock.js";
export {
  ClaimLost, Conflict, CursorDamaged, Damaged, InUse, NotGenuine, Refused, Replaced, Revoked, Stopped, StorageFailed,
  TerminalError, Unfinished, Unreachable,
} from "./errors.js";
export { IndexedCursor, IndexedLog } from "./indexed.js";
export { Outbox } from "./outbox.js";
export { DeadLetters, MemoryCursor, MemoryLog, StorageCursor, StorageLog } from "./stores.js";
export { Terminal } from "./terminal.js";
export { verify } from "./webhooks.js";
