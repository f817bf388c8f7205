// Many tills in one process, for the crowd: each appends the offset of what it handled to its record.
//
// The address is the first word; on the first line of the input are the tills, as JSON. Each state and each wait is told
// as a line of JSON with its moment.

import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { Terminal } from "../../sdk/js/src/index.js";
import { FileCursor } from "../../sdk/js/src/node.js";

const url = process.argv[2];
const tell = (till, said) => console.log(JSON.stringify({ till, at: Date.now(), ...said }));

async function run(job, number) {
  const till = new Terminal(url, job.tenant, job.key, {
    cursor: new FileCursor(job.cursor),
    onState: ({ state }) => {
      if (state === "offline" || state === "live") tell(number, { state });
    },
    onReport: ({ kind, why, ms }) => {
      if (kind === "wait") tell(number, { why, ms });
    },
  });
  await till.open();
  for await (const event of till) appendFileSync(job.record, `${event.offset}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  for (const [number, job] of JSON.parse(line).entries()) {
    run(job, number).catch((error) => {
      console.error(error);
      process.exit(1);
    });
  }
}
