// The gateways and Redis of the demo, each on a card with the buttons that break it.

import { el, setAttribute, setText } from "../common/dom.js";

const LIGHTS = { up: "good", starting: "warn", draining: "warn", down: "bad", frozen: "bad", gone: "bad", yours: "good" };

function newCard(title, buttons) {
  const light = el("span", { class: "light" });
  const facts = el("p", { class: "facts muted small number" });
  const element = el("article", { class: "unit" }, el("h3", {}, title), light, facts, el("p", { class: "row" }, ...buttons));
  const show = (tone, state, words, isThere) => {
    setAttribute(light, "data-tone", tone);
    setText(light, state);
    setText(facts, words);
    // One that is being worked on stays off until that is done.
    for (const button of buttons) button.disabled = !isThere || button.dataset.busy === "true";
  };
  return {
    element,
    show: (state, words) => show(LIGHTS[state] ?? "bad", state, words, true),
    // How it is, is said by nobody any more.
    lose: () => show(null, "unknown", "no word of it", false),
  };
}

// A button: `press(button)` is called when it is pressed, by mouse or key.
function newButton(words, press, label = null) {
  const button = el("button", { type: "button", class: "button danger little", "aria-label": label }, words);
  button.addEventListener("click", () => press(button));
  return button;
}

// `press(button, act, gateway)`.
export function newGateways(place, press) {
  const cards = new Map();
  const cardOf = (name) => {
    if (!cards.has(name)) {
      const kill = newButton("Kill", (button) => press(button, "kill-gateway", name), `Kill ${name}`);
      const drain = newButton("Drain", (button) => press(button, "drain-gateway", name), `Drain ${name}`);
      cards.set(name, newCard(name, [kill, drain]));
      place.append(cards.get(name).element);
    }
    return cards.get(name);
  };
  return {
    show(gateways) {
      for (const { name, state, connections, pid, restarts } of gateways) {
        const sockets = connections === undefined ? "" : `${connections} ${connections === 1 ? "socket" : "sockets"} · `;
        const back = restarts ? ` · brought back ${restarts}×` : "";
        cardOf(name).show(state, `${sockets}${pid === null ? "no process" : `process ${pid}`}${back}`);
      }
    },
    lose() {
      for (const card of cards.values()) card.lose();
    },
  };
}

// `press(button, act)`.
export function newRedis(place, press) {
  const card = newCard("Redis", [
    newButton("Freeze 3 s", (button) => press(button, "freeze-redis"), "Freeze Redis for 3 s"),
    newButton("Flush", (button) => press(button, "flush-redis"), "Flush Redis"),
    newButton("Forge", (button) => press(button, "forge"), "Forge a message"),
  ]);
  card.lose();
  place.append(card.element);
  return {
    show(state, refused) {
      card.show(state, `forged messages refused by gateways: ${refused}`);
    },
    lose: card.lose,
  };
}
