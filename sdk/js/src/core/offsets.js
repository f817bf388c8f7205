// A guess at how far away an offset is, for a progress bar and nothing else: offsets are opaque. Pure.

const NUMBERED = /^([^-]*)-(\d+)$/;

// How many events lie between two offsets; null where that cannot be told.
export function distance(after, head) {
  const there = NUMBERED.exec(head);
  if (!there) return null;
  if (after === "0") return Number(there[2]);
  const here = NUMBERED.exec(after);
  return here && here[1] === there[1] ? Number(there[2]) - Number(here[2]) : null;
}
