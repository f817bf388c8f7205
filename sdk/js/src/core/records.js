// Records that say for themselves whether they are whole: a checksum, a blank, JSON, a newline. Pure.

import { canonical } from "./values.js";

// The bytes are not what was written; the text says where.
export class Damaged extends Error {
  name = "Damaged";
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit += 1) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

const checksum = (bytes) => {
  let crc = -1;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (~crc >>> 0).toString(16).padStart(8, "0");
};

const encoder = new TextEncoder();
const NEWLINE = 10;

// A value as one line, as text.
export function record(value) {
  const text = canonical(value);
  return `${checksum(encoder.encode(text))} ${text}\n`;
}

// The value of one line (bytes) with its newline.
export function readRecord(line) {
  const text = line.subarray(9, -1);
  if (line.at(-1) !== NEWLINE || line[8] !== 32 || text.includes(NEWLINE)) throw new Damaged("the record is cut");
  if (checksum(text) !== String.fromCharCode(...line.subarray(0, 8))) {
    throw new Damaged("the record's checksum does not fit");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text));
  } catch {
    throw new Damaged("the record is no JSON");
  }
}

// All records of a log, and how many bytes at its end a crash left of one that was never confirmed.
export function readLog(content) {
  const values = [];
  let at = 0;
  while (at < content.length) {
    const end = content.indexOf(NEWLINE, at) + 1 || content.length;
    try {
      values.push(readRecord(content.subarray(at, end)));
    } catch (error) {
      // No crash leaves a hurt record with others behind it.
      if (end < content.length) throw new Damaged(`${error.message}, ${at} bytes from the beginning`);
      return { values, torn: end - at };
    }
    at = end;
  }
  return { values, torn: 0 };
}

// A cursor's record, as text or bytes.
export function readCursor(content, where) {
  let kept;
  try {
    kept = readRecord(typeof content === "string" ? encoder.encode(content) : content);
  } catch (error) {
    throw new Damaged(`${where}: ${error.message}`);
  }
  const { offset, tenant, filter } = kept ?? {};
  if (typeof offset !== "string" || typeof tenant !== "string" || !filter || typeof filter !== "object") {
    throw new Damaged(`${where}: the record is no cursor`);
  }
  return kept;
}
