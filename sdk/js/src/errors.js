// The ways in which it can end or fail, each with the sentence for a person.

export { Damaged } from "./core/records.js";

export class TerminalError extends Error {
  constructor(...said) {
    super(...said);
    this.name = new.target.name;
  }
}

// No answer. `reached` is false where nothing answered at all, not even a proxy.
export class Unreachable extends TerminalError {
  constructor(why, reached) {
    super(why);
    this.reached = reached;
  }
}

// The stream is over and does not come back. `reason`, `code` and `detail` are the machine's.
export class Stopped extends TerminalError {
  constructor(reason, code = null, detail = "") {
    super(`${reason} ${code ?? ""}`.trim() + (detail ? `: ${detail}` : ""));
    Object.assign(this, { reason, code, detail });
  }
}

export class Revoked extends Stopped {}
export class Replaced extends Stopped {}
export class StorageFailed extends Stopped {}
export class CursorDamaged extends Stopped {}

// Another terminal has the store: a store belongs to one at a time.
export class InUse extends TerminalError {}

// The server said no. `problem` is its code, `status` the HTTP status, `body` its document.
export class Refused extends TerminalError {
  constructor(status, problem, body) {
    const said = body?.detail ?? body?.title ?? "";
    super(`${status ?? ""} ${problem ?? "no answer of Bellwire"} ${said}`.trim());
    Object.assign(this, { status, problem, body: body ?? {} });
  }
}

// A command was not done and never will be, or (`outcome-unknown`) nobody can know.
export class Conflict extends Refused {}
// The outbox was closed before a command had its answer. `kept`: it is in the log, and is carried out from there.
export class Unfinished extends TerminalError {
  constructor(kept) {
    const then = kept
      ? "the command is in the log, and the next outbox with it carries it out"
      : "nothing keeps the command: whether it was done, nobody knows";
    super(`the outbox was closed before there was an answer; ${then}`);
    this.kept = kept;
  }
}

export class ClaimLost extends TerminalError {}
export class NotGenuine extends TerminalError {}

const STOPS = {
  unauthorized: Revoked, forbidden: Revoked, replaced: Replaced, storage: StorageFailed,
  "cursor-damaged": CursorDamaged,
};
// Of the machine's `stop`.
export const stopOf = (reason, code, detail) => new (STOPS[reason] ?? Stopped)(reason, code, detail);
