// The gateways and Redis of the demo, each on a card with the buttons that break it.

import { el, setAttribute, setText } from "../common/dom.js";

const LIGHTS = { up: "good", starting: "warn", draining: "warn", down: "bad", frozen: "bad", gone: "bad", yours: "good" };

function newCard(title, buttons) {
  const light = el("span", { class: "light" });
  const facts = el("p", { class: "muted small number" });
  const element = el("article", { class: "unit" }, el("h3", {}, title), light, facts, el("p", { class: "row" }, ...buttons));
  return {
    element,
    show(state, words) {
      setAttribute(light, "data-tone", LIGHTS[state] ?? "bad");
      setText(light, state);
      setText(facts, words);
    },
  };
}

// A button: `press(button)` is called when it is pressed, by mouse or key.
function newButton(words, press) {
  const button = el("button", { type: "button", class: "button danger little" }, words);
  button.addEventListener("click", () => press(button));
  return button;
}

// `press(button, act, gateway)`.
export function newGateways(place, press) {
  const cards = new Map();
  const cardOf = (name) => {
    if (!cards.has(name)) {
      const kill = newButton("Kill", (button) => press(button, "kill-gateway", name));
      const drain = newButton("Drain", (button) => press(button, "drain-gateway", name));
      kill.setAttribute("aria-label", `Kill ${name}`);
      drain.setAttribute("aria-label", `Drain ${name}`);
      cards.set(name, newCard(name, [kill, drain]));
      place.append(cards.get(name).element);
    }
    return cards.get(name);
  };
  return {
    show(gateways) {
      for (const { name, state, connections, pid, restarts } of gateways) {
        const sockets = connections === undefined ? "" : `${connections} sockets · `;
        const back = restarts ? ` · brought back ${restarts} ×` : "";
        cardOf(name).show(state, `${sockets}${pid === null ? "no process" : `process ${pid}`}${back}`);
      }
    },
  };
}

// `press(button, act)`.
export function newRedis(place, press) {
  const card = newCard("Redis", [
    newButton("Freeze for 3 s", (button) => press(button, "freeze-redis")),
    newButton("Flush", (button) => press(button, "flush-redis")),
    newButton("Forge a message", (button) => press(button, "forge")),
  ]);
  place.append(card.element);
  return {
    show(state, refused) {
      card.show(state, `forged messages refused by gateways: ${refused}`);
    },
  };
}
