// The machines in JavaScript as a process: a line of JSON in (`{machine, config, inputs}`), a line out: what the
// machine answers to each input, and when it wants to be woken.

import { createInterface } from "node:readline";

import { configOf } from "../../sdk/js/src/core/config.js";
import { Dispatch } from "../../sdk/js/src/core/dispatch.js";
import { Machine } from "../../sdk/js/src/core/machine.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { machine, config, inputs } = JSON.parse(line);
  const made = machine === "outbox" ? new Dispatch() : new Machine(configOf(config));
  console.log(JSON.stringify(inputs.map((given) => [made.receive(given), made.due])));
}
