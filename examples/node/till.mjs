// A terminal in Node with bare `ws`, without an SDK: every event once and in order, over cuts, crashes and restarts.
//
//     cd examples/node && npm install
//     BELLWIRE_URL=http://127.0.0.1:8080 BELLWIRE_TENANT=kitchen BELLWIRE_KEY=bw_term_… node till.mjs
//
// It prints an event on a line. Where it is stands in ./till.offset (TILL_OFFSET names another file): written when the event
// is handled, and acknowledged after that. The pauses and what each close code asks for: docs/write-a-terminal.md.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import WebSocket from "ws";

const { BELLWIRE_URL, BELLWIRE_TENANT, BELLWIRE_KEY, TILL_OFFSET = "till.offset" } = process.env;
const address = `${BELLWIRE_URL.replace(/^http/, "ws")}/ws/pos/${BELLWIRE_TENANT}`;
const STOP = { 400: "the request is wrong", 401: "no valid key", 403: "this key may not", 404: "no such shop" };
let offset = load();
let failures = 0; // In a row, of all kinds but those that said when to come back.
let shortLives = 0; // Streams in a row that began and died within 5 s.

function load() {
  try {
    return readFileSync(TILL_OFFSET, "utf8").trim() || "acked";
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return "acked"; // Behind this terminal's last ack, or from the beginning.
  }
}

function store(next) {
  const file = openSync(`${TILL_OFFSET}.new`, "w");
  writeSync(file, next);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${TILL_OFFSET}.new`, TILL_OFFSET); // Whole or not at all.
  offset = next;
}

function handle({ offset, type, data }) {
  // Put your own work here: it is done before the offset is stored. A crash in between brings this event again.
  console.log(offset, type, data.orderNumber ?? "", data.customerName ?? "");
}

function stop(why) {
  console.error(`stopped: ${why}`);
  process.exit(1);
}

function later(why, { slot, retryAfter } = {}) {
  let pause;
  if (slot !== undefined) pause = Math.min(slot, 600_000);
  else if (retryAfter !== undefined) pause = Math.min(retryAfter, 300) * 1000 + Math.random() * 2000;
  else pause = Math.random() * Math.min(30_000, 2000 * 2 ** Math.min(failures++, 10));
  console.error(`${why}; back in ${Math.round(pause)} ms`);
  setTimeout(connect, pause);
}

function connect() {
  const socket = new WebSocket(`${address}?after=${offset}`, { headers: { Authorization: `Bearer ${BELLWIRE_KEY}` }, followRedirects: false });
  let greeted, silence, behind, ack, seen;
  const give = (why) => { console.error(why); socket.terminate(); };
  const heard = (ms) => { clearTimeout(silence); silence = setTimeout(give, ms, "silence"); };
  const end = () => [silence, behind, ack].forEach(clearTimeout);
  let patience = 10_000;
  heard(patience);

  const acknowledge = () => { ack = undefined; socket.send(JSON.stringify({ type: "ack", offset })); };
  const reaches = (head) => {
    // The server has more than we got: that is under way, or the stream is broken.
    if (head === seen) { clearTimeout(behind); behind = undefined; }
    else behind ??= setTimeout(give, 3000, "the head is not reached");
  };

  socket.on("ping", () => heard(patience));
  socket.on("message", (text) => {
    heard(patience);
    const message = JSON.parse(text);
    if (message.type === "hello") {
      greeted = Date.now();
      patience = message.heartbeatSeconds * 2500;
      seen = message.after;
      if (offset === seen) acknowledge(); // A crash may have come between the file and the ack.
    } else if (message.type === "heartbeat") {
      reaches(message.head);
    } else if (message.type === "reset") {
      // What lies before `to` cannot be had: GET …/orders has the orders that are open. Of reason `epoch`, drop what you
      // hold behind `to`.
      console.error(`reset to ${message.to}: ${message.reason}`);
      store(seen = message.to);
    } else if (message.data !== undefined) {
      clearTimeout(behind);
      behind = undefined;
      seen = message.offset;
      if (seen === offset) return;
      handle(message);
      store(seen);
      ack ??= setTimeout(acknowledge, 250); // One ack for all of a quarter of a second: it is cumulative.
    } // All other types: of a later release, or of no use here.
  });
  socket.on("unexpected-response", (_, answer) => {
    end();
    const status = answer.statusCode, told = answer.headers["retry-after"];
    answer.resume();
    if (status in STOP && answer.headers["content-type"]?.includes("problem+json")) stop(`refused ${status}: ${STOP[status]}`);
    later(`refused ${status}`, { retryAfter: /^\d+$/.test(told) ? Number(told) : undefined });
  });
  socket.on("error", (error) => { if (!greeted) console.error(error.message); });
  socket.on("close", (code, bytes) => {
    end();
    const reason = bytes.toString();
    if ([4401, 4403, 4404].includes(code) || (code === 4400 && !greeted)) stop(`closed with ${code} ${reason}`);
    if (code === 4409) stop("closed with 4409: another device uses this terminal's key; which of the two is meant?");
    if (greeted) {
      // A stream that began forgives what was refused before it; only streams that die at once let the pause grow.
      if (Date.now() - greeted >= 5000) failures = shortLives = 0;
      else failures = shortLives++;
    }
    const slot = /retry_ms=(\d{1,15})/.exec(reason)?.[1];
    later(`closed with ${code} ${reason}`.trim(), { slot: slot === undefined ? undefined : Number(slot) });
  });
}

connect();
