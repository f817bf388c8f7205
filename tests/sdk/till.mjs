// A till in JavaScript for the tests: it writes down what it handled, and does what its job says.
//
// The job is JSON: `url`, `tenant`, `key`, and where they are wanted `cursor`, `outbox`, `record` (files), `wishes`
// (of the Terminal), `dieAt` and `last` (offsets), `commands` (orders to accept), `leave` (end when they are on the
// disk), `claim` (a purpose). It says one line of JSON at its end.

import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";

import { Outbox, Terminal } from "../../sdk/js/src/index.js";
import { FileCursor, FileLog } from "../../sdk/js/src/node.js";

const job = JSON.parse(process.argv[2]);
const told = { states: [], reports: [], done: [], conflicts: [], claims: [], error: null };

function write(event) {
  const file = openSync(job.record, "a");
  const { offset, type, thin, attempt } = event;
  const orders = event.data.orders?.map((order) => order.orderId);
  writeSync(file, `${JSON.stringify({ offset, type, thin, attempt, items: event.data.items?.length, orders })}\n`);
  fsyncSync(file);
  closeSync(file);
}

const outbox = new Outbox({
  log: job.outbox && new FileLog(job.outbox),
  onDone: (command) => told.done.push(command.path),
  onConflict: (command, why) => told.conflicts.push([command.path, why.problem]),
});
const till = new Terminal(job.url, job.tenant, job.key, {
  cursor: job.cursor && new FileCursor(job.cursor),
  outbox,
  onState: ({ state }) => told.states.push(state),
  onReport: (report) => told.reports.push(report),
  ...job.wishes,
});

try {
  await till.open();
  for (const order of job.commands ?? []) await till.accept(order);
  if (job.commands && !job.leave) await outbox.settled();
  if (job.last || job.dieAt) {
    for await (const event of till) {
      if (job.claim) {
        const claim = await till.claim(event, job.claim, async () => write(event));
        told.claims.push({ isMine: claim.isMine, done: claim.done, fence: claim.fence });
      } else {
        write(event);
      }
      if (event.offset === job.dieAt) process.kill(process.pid, "SIGKILL");
      if (event.offset === job.last) break;
    }
    await till.handled();
  }
} catch (error) {
  told.error = error.name;
}
told.offset = till.offset;
told.state = till.state.state;
await till.stop();
console.log(JSON.stringify(told));
