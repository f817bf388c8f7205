// The commands that wait in the outbox, as the board and the foot of the page show it. Pure.

const STEP = /^\/api\/tenant\/[^/]+\/orders\/([^/]+)\/status$/;
const DONE = /\/claims\/[^/]+\/done$/;

// The steps among commands, in their order: `[{orderId, status, readyAt}]`.
export function stepsOf(commands) {
  return commands.flatMap((command) => {
    const orderId = orderIdOf(command);
    return orderId ? [{ orderId, status: command.body.status, readyAt: Date.parse(command.body.readyAt) || null }] : [];
  });
}

// The order that a command moves, or null where it does something else.
export function orderIdOf({ path, body }) {
  const found = STEP.exec(path);
  return found && body?.status ? decodeURIComponent(found[1]) : null;
}

// How many a person gave: that a claim is done is the till's own word.
export const countOf = (commands) => commands.filter(({ path }) => !DONE.test(path)).length;
