// The bar at the top: whose till it is, the light, a search, the sound, and the menu.

import { el, replace, setAttribute, setText } from "../common/dom.js";
import { clock } from "../common/format.js";
import { icon } from "./icons.js";
import { lightOf } from "./link.js";

export class Header {
  node;
  #texts;
  #acts;
  #shop = el("span", { class: "shop" });
  #name = el("span", { class: "name muted" });
  #light = el("p", { class: "light", role: "status" });
  #waiting = el("p", { class: "tag warn waiting-count", hidden: true });
  #station;
  #sound;

  // `acts`: `search(text)`, `sound()`, `station()`, `menu()`.
  constructor(texts, acts) {
    this.#texts = texts;
    this.#acts = acts;
    const say = (key) => texts.say(key);
    this.#sound = el("button", { class: "button quiet square sound", type: "button", "data-sound": "", onclick: acts.sound });
    this.#station = el("button", { class: "button quiet station", type: "button", onclick: acts.station });
    const search = el("input", {
      type: "search", class: "search", placeholder: say("menu.search"), "aria-label": say("menu.search"), autocomplete: "off",
      oninput: (event) => acts.search(event.target.value),
    });
    const menu = el("button", { class: "button quiet square", type: "button", "aria-label": say("menu.open"), title: say("menu.open"), "aria-haspopup": "dialog", onclick: acts.menu }, icon("menu"));
    this.node = el(
      "header",
      { class: "top" },
      el("h1", { class: "whose" }, this.#shop, this.#name),
      this.#light,
      this.#waiting,
      el("div", { class: "finder" }, icon("search"), search),
      this.#station,
      this.#sound,
      menu,
    );
  }

  showShop(shop, paired, station) {
    setText(this.#shop, shop?.shop ?? paired.tenant);
    setText(this.#name, shop?.name ?? paired.name ?? "");
    replace(this.#station, icon("filter"), el("span", {}, station ?? this.#texts.say("menu.station.all")));
    setAttribute(this.#station, "aria-label", `${this.#texts.say("menu.station")}: ${station ?? this.#texts.say("menu.station.all")}`);
    document.title = `${shop?.shop ?? paired.tenant} · ${this.#texts.say("title")}`;
  }

  showState(state, timeZone) {
    const { tone, key, values } = lightOf(state);
    const since = values.since && clock(values.since, this.#texts.locale, timeZone);
    setAttribute(this.#light, "data-tone", tone);
    setAttribute(this.#light, "data-state", state.state);
    setText(this.#light, this.#texts.say(key, { ...values, since }));
  }

  showWaiting(count) {
    this.#waiting.hidden = !count;
    replace(this.#waiting, icon("unsent"), el("span", { "aria-hidden": "true" }, String(count)), el("span", { class: "unseen" }, this.#texts.say("waiting.count", { count })));
    setAttribute(this.#waiting, "title", this.#texts.say("waiting.count", { count }));
  }

  showSound(isOn, isRinging) {
    setAttribute(this.#sound, "aria-pressed", String(isOn));
    setAttribute(this.#sound, "aria-label", this.#texts.say(isOn ? "menu.sound.on" : "menu.sound.off"));
    setAttribute(this.#sound, "title", this.#texts.say(isOn ? "menu.sound.on" : "menu.sound.off"));
    setAttribute(this.#sound, "data-ringing", String(isRinging));
    const name = isOn ? "bell" : "mute";
    if (this.#sound.dataset.sound === name) return;
    this.#sound.dataset.sound = name;
    replace(this.#sound, icon(name));
  }
}
