import assert from "node:assert/strict";
import { test } from "node:test";

import { Board } from "./board.js";

const T0 = Date.parse("2026-11-29T12:00:00.000Z");
const at = (seconds) => new Date(T0 + seconds * 1000).toISOString();
const arrival = (n, more = {}) => ({
  type: "new_order", offset: `1-${n}`, document: { timestamp: at(n) },
  data: { orderId: `o${n}`, orderNumber: `ORD-${n}`, status: "pending", items: [], dueAt: at(n), totalAmount: 1, ...more },
});
const step = (n, orderId, status, previousStatus) => ({
  type: "order_updated", offset: `1-${n}`, document: { timestamp: at(n) }, data: { orderId, status, previousStatus },
});
const names = (orders) => orders.map(({ orderId }) => orderId);
const filled = (...events) => {
  const board = new Board();
  for (const event of events) board.apply(event);
  return board;
};

test("orders stand in the column of their status, newest first, and those for later by their time", () => {
  const board = filled(arrival(1), arrival(2), arrival(3), arrival(4, { dueAt: at(9_000) }), arrival(5, { dueAt: at(5_000) }), step(6, "o3", "preparing", "pending"));
  const found = board.columns(T0 + 60_000);
  assert.deepEqual([found.pending, found.preparing, found.ready, found.later].map(names), [["o2", "o1"], ["o3"], [], ["o5", "o4"]]);
  assert.deepEqual(names(board.columns(T0 + 6_000_000).pending), ["o5", "o2", "o1"]);
});

test("what is over leaves the board, and what comes twice is there once", () => {
  const board = filled(arrival(1), arrival(1));
  assert.equal(board.size, 1);
  assert.deepEqual(board.apply(step(2, "o1", "cancelled", "pending")), { gone: ["o1"] });
  assert.equal(board.size, 0);
  assert.deepEqual(board.apply(step(3, "o1", "completed", "ready")), {});
});

test("a step that waits is shown as done, and as waiting", () => {
  const board = filled(arrival(1));
  board.wait([{ orderId: "o1", status: "preparing", readyAt: T0 }, { orderId: "o1", status: "ready", readyAt: null }]);
  const [view] = board.columns(T0 + 60_000).ready;
  assert.equal(view.waits, true);
  assert.equal(board.get("o1").status, "pending");
});

test("an answered step counts until its event comes, and no longer", () => {
  const board = filled(arrival(1));
  board.wait([{ orderId: "o1", status: "preparing", readyAt: null }]);
  board.answered("o1", { status: "preparing", offset: "1-7" });
  board.wait([]);
  const [view] = board.columns(T0 + 60_000).preparing;
  assert.equal(view.waits, false);
  board.apply(step(7, "o1", "preparing", "pending"));
  board.apply(step(8, "o1", "pending", "preparing"));
  assert.deepEqual(names(board.columns(T0 + 60_000).pending), ["o1"]);
});

test("an answer that comes behind its event changes nothing", () => {
  const board = filled(arrival(1), step(2, "o1", "preparing", "pending"), step(3, "o1", "ready", "preparing"));
  board.answered("o1", { status: "preparing", offset: "1-2" });
  assert.deepEqual(names(board.columns(T0).ready), ["o1"]);
});

test("a step that was refused is undone", () => {
  const board = filled(arrival(1));
  board.wait([{ orderId: "o1", status: "cancelled", readyAt: null }]);
  assert.deepEqual(names(board.columns(T0 + 60_000).pending), []);
  board.wait([]);
  assert.deepEqual(names(board.columns(T0 + 60_000).pending), ["o1"]);
});

test("a list takes the place of all that was there, and keeps what it does not tell", () => {
  const board = filled(arrival(1), arrival(2), { ...step(3, "o2", "preparing", "pending"), data: { orderId: "o2", status: "preparing", previousStatus: "pending", readyAt: at(900) } });
  const list = (id, status, more = {}) => ({ orderId: id, orderNumber: id, status, items: [], createdAt: at(2), updatedAt: at(50), dueAt: at(2), ...more });
  const { all } = board.apply({ type: "snapshot", data: { orders: [list("o2", "preparing"), list("o3", "pending"), list("o4", "pending", { broadcast: false })] } });
  assert.deepEqual(names(all), ["o2", "o3"]);
  assert.equal(board.get("o2").readyAt, T0 + 900_000);
  assert.equal(board.get("o3").short, true);
  const whole = { ...list("o3", "pending"), history: [{ status: "pending", at: at(2), by: null }] };
  assert.equal(board.complete(whole).kept[0].short, false);
  assert.deepEqual(board.complete(whole), {});
});

test("an unchanged order is the same object each time", () => {
  const board = filled(arrival(1));
  board.wait([{ orderId: "o1", status: "preparing", readyAt: null }]);
  const one = board.columns(T0).preparing[0];
  board.wait([{ orderId: "o1", status: "preparing", readyAt: null }]);
  assert.equal(board.columns(T0).preparing[0], one);
});

test("a station sees its own orders and those of none, in any case, and a search finds by name and number", () => {
  const board = filled(
    arrival(1, { items: [{ station: "Grill" }] }), arrival(12), arrival(2, { items: [{ station: "bar" }] }), arrival(3, { customerName: "Ada" }),
  );
  assert.deepEqual(names(board.columns(T0 + 60_000, { station: "BAR" }).pending), ["o12", "o3", "o2"]);
  assert.deepEqual(names(board.columns(T0 + 60_000, { search: "ada" }).pending), ["o3"]);
  assert.deepEqual(names(board.columns(T0 + 60_000, { search: "ord-1" }).pending), ["o1"]);
  assert.deepEqual(names(board.columns(T0 + 60_000, { search: "rd-1" }).pending), ["o12", "o1"]);
});
