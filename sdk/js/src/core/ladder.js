// The doors from the best to the one that always opens: down when one is shut, up again after a while. Pure.

import { PASSING } from "./values.js";

const FAILURES_A_DOOR = 3;
const CLIMB_MS = 60_000;
const LONGEST_CLIMB_MS = 960_000;
// These say that this door is no way in, whoever says them: no such method, no upgrade, no such thing at all.
const NO_WAY_IN = new Set([405, 406, 426, 501, 505]);

// A refusal in Bellwire's own words (`problem`) is about the key or the load, and not about the door.
export const isShut = (status, problem) =>
  NO_WAY_IN.has(status) || (problem == null && status < 500 && !PASSING.has(status));

export class Ladder {
  at = 0;
  failures = 0;
  climbMs = CLIMB_MS;
  climbAt = null;
  climbing = false;

  constructor(doors) {
    this.doors = doors;
  }

  get door() {
    return this.doors[this.at];
  }

  opened(now) {
    if (this.climbing || this.at === 0) this.climbMs = CLIMB_MS;
    this.climbing = false;
    this.failures = 0;
    this.climbAt = this.at > 0 ? now + this.climbMs : null;
  }

  // Try the door above; the one that works is remembered.
  climb() {
    this.at -= 1;
    this.climbing = true;
    this.climbAt = null;
    this.failures = 0;
  }

  // No stream began: because the door is `shut`, or in a way that `counts` against it.
  failed(shut, counts) {
    this.climbAt = null;
    if (this.climbing) {
      // Back to where it worked, and longer until the next attempt.
      this.climbing = false;
      this.at += 1;
      this.climbMs = Math.min(this.climbMs * 2, LONGEST_CLIMB_MS);
      return;
    }
    if (counts) this.failures += 1;
    if (shut || this.failures >= FAILURES_A_DOOR) {
      this.failures = 0;
      this.at = (this.at + 1) % this.doors.length;
    }
  }
}
