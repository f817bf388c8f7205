// The page of the till: pairs it, wires the till to what is seen and heard, and does what a person wants.

import { el } from "../common/dom.js";
import { keepPage } from "../common/keep.js";
import { Toasts } from "../common/parts.js";
import { choose, chosen, Texts } from "../common/texts.js";
import { setTheme, theme } from "../common/theme.js";
import { Bell } from "./bell.js";
import { BoardView } from "./board-view.js";
import { clock } from "./clock.js";
import { conflictWords } from "./conflict.js";
import { openDetails } from "./details.js";
import { askForget, askReason, askStation } from "./dialogs.js";
import { forgetPage } from "./forget.js";
import { openGiftCards } from "./gift-cards.js";
import { Header } from "./header.js";
import { isAway } from "./link.js";
import { openMenu } from "./menu.js";
import { Notices } from "./notices.js";
import { backOf, nextOf, stationsOf } from "./order.js";
import { askForKey } from "./pairing.js";
import { openPoints } from "./points.js";
import { printOrder } from "./print.js";
import { addStations, readKey, readSound, readStations, writeKey, writeSound } from "./settings.js";
import { TEXTS } from "./texts.js";
import { Till } from "./till.js";
import { readyAtOf, usualMinutes } from "./times.js";
import { openToday } from "./today.js";
import { stayAwake } from "./wake.js";

const ANNOUNCE_MS = 500;
const MOST_NAMED = 3;
// So long a form waits for the answer to what it gave; then it says that it is kept.
const GIVE_MS = 6_000;
const AWAY_MS = 300;
// The stream is another's: so is the sound.
const SILENT = new Set(["elsewhere", "replaced", "revoked"]);
// Nobody carries out what would be done here.
const IDLE = new Set(["elsewhere", "revoked", "stopped"]);

const texts = new Texts(TEXTS, chosen(Object.keys(TEXTS)));
const say = (key, values) => texts.say(key, values);

class App {
  #till;
  #board;
  #header;
  #notices;
  #toasts = new Toasts();
  #bell = new Bell({ onChange: () => this.#showBell() });
  #aloud = el("p", { class: "unseen", role: "log", "aria-live": "polite" });
  #paired;
  #search = "";
  #isHeld = false;
  #busy = new Set();
  #arrived = [];
  // Commands of a form that is there to say what became of them.
  #told = new Set();

  constructor(paired) {
    this.#paired = paired;
    this.#till = new Till(paired, {
      onBoard: () => this.#board.ask(),
      onState: () => this.#showState(),
      onArrived: (orders) => this.#announce(orders),
      onConflict: (command, why) => this.#tellConflict(command, why),
      onHold: () => {
        this.#isHeld = true;
        this.#showState();
      },
      onShop: () => this.#showShop(),
      onLost: () => this.#toasts.say(say("lost"), { tone: "bad", seconds: null }),
    });
    this.#board = new BoardView(texts, this.#till.shop, {
      look: () => this.#look(),
      act: (name, order, more) => this.#act(name, order, more),
      onDrawn: () => this.#showWaiting(),
    });
    this.#header = new Header(texts, {
      search: (text) => {
        this.#search = text;
        this.#board.ask();
      },
      sound: () => this.#turnSound(),
      station: () => this.#chooseStation(),
      menu: () => this.#openMenu(),
    });
    this.#notices = new Notices(texts, {
      return: () => this.#till.takeBack(),
      start: () => this.#till.takeBack(),
      pair: () => this.#pairAgain(),
      sound: () => this.#bell.touched(),
    });
    this.#bell.turn(readSound());
  }

  async start(place) {
    place.replaceChildren(this.#header.node, this.#notices.node, this.#board.node, this.#aloud, this.#toasts.node);
    this.#showShop();
    this.#showState();
    for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, () => this.#bell.touched(), { capture: true });
    document.addEventListener("keydown", (event) => this.#firstKey(event));
    stayAwake();
    await this.#till.start();
  }

  // Seen.

  #look() {
    const now = clock.now();
    const { board, station } = this.#till;
    const search = this.#search.trim();
    const found = board.columns(now, { station, search });
    const all = search ? board.columns(now, { station }) : found;
    const count = all.pending.length;
    this.#bell.want(SILENT.has(this.#till.state.state) ? 0 : count);
    const shop = this.#till.shop?.shop ?? this.#paired.tenant;
    document.title = `${count ? `(${count}) ` : ""}${shop} · ${say("title")}`;
    return { found, search };
  }

  #showShop() {
    this.#header.showShop(this.#till.shop, this.#paired, this.#till.station);
    this.#board.shop = this.#till.shop;
    this.#board.ask();
    this.#showState();
  }

  #showState() {
    const { state, shop } = this.#till;
    document.body.dataset.state = state.state;
    this.#board.node.inert = IDLE.has(state.state);
    this.#header.showState(state, shop?.timeZone);
    this.#showNotices();
    this.#board.ask();
  }

  #showNotices() {
    const { state, shop } = this.#till;
    this.#notices.show({ state, isBlocked: this.#bell.isBlocked, isHeld: this.#isHeld, shop });
  }

  #showBell() {
    if (!this.#header) return;
    document.body.dataset.ringing = String(this.#bell.isRinging);
    this.#header.showSound(this.#bell.isOn, this.#bell.isRinging);
    this.#showNotices();
  }

  #showWaiting() {
    this.#header.showWaiting(this.#till.waiting);
  }

  // Say what came, once for all that came together.
  #announce(orders) {
    addStations(orders.flatMap(stationsOf));
    if (!this.#arrived.length) setTimeout(() => this.#sayArrived(), ANNOUNCE_MS);
    this.#arrived.push(...orders);
  }

  #sayArrived() {
    const orders = this.#arrived;
    this.#arrived = [];
    const numbers = orders.slice(-MOST_NAMED).map(({ orderNumber }) => orderNumber).join(", ");
    this.#aloud.textContent = say("said.arrived", { count: orders.length, numbers });
  }

  #tellConflict(command, why) {
    if (this.#told.delete(command.id)) return;
    const words = conflictWords(command, why, (orderId) => this.#till.board.get(orderId)?.orderNumber, texts);
    this.#toasts.say(words, { tone: "bad", seconds: 12 });
  }

  // Done.

  #firstKey(event) {
    if (!event.key.startsWith("Arrow") || document.activeElement !== document.body) return;
    if (this.#board.focusFirst()) event.preventDefault();
  }

  #act(name, order, { minutes } = {}) {
    if (name === "accept" && order.status === "pending") this.#step(order, "preparing", { minutes });
    else if (name === "next") this.#step(order, nextOf(order.status));
    else if (name === "back" && backOf(order.status)) this.#step(order, backOf(order.status));
    else if (name === "cancel") this.#cancel(order);
    else if (name === "print") this.#print(order);
    else if (name === "details") openDetails(this.#till, order, texts);
  }

  async #step(order, status, { minutes, reason } = {}) {
    const { orderId, orderNumber: number } = order;
    // A second tap came before the first was on the disk.
    if (!status || this.#busy.has(orderId)) return;
    this.#busy.add(orderId);
    const more = { reason };
    if (order.status === "pending" && status === "preparing") {
      more.readyAt = new Date(readyAtOf(order, clock.now(), minutes ?? usualMinutes(this.#till.shop))).toISOString();
    }
    try {
      await this.#till.step(order, status, more);
      const back = backOf(status);
      const undo = back && status !== "pending" ? { words: say("undo"), run: () => this.#undo(orderId, status) } : null;
      this.#toasts.say(say(`said.${status}`, { number }), { action: undo });
    } catch (error) {
      this.#toasts.say(say("conflict.other", { what: number, why: error.message }), { tone: "bad", seconds: 12 });
    } finally {
      this.#busy.delete(orderId);
    }
  }

  // Undo a step, where nobody took another meanwhile.
  #undo(orderId, status) {
    const order = this.#till.board.get(orderId);
    const view = order && this.#till.board.shown(order);
    if (view?.status === status) this.#step(view, backOf(status));
  }

  async #cancel(order) {
    const answer = await askReason(texts, order.orderNumber);
    if (answer) await this.#step(order, "cancelled", answer);
  }

  async #print(order) {
    try {
      await printOrder(this.#till, order, texts);
    } catch (error) {
      this.#toasts.say(say("conflict.other", { what: order.orderNumber, why: error.message }), { tone: "bad", seconds: 12 });
    }
  }

  #turnSound() {
    this.#bell.turn(!this.#bell.isOn);
    writeSound(this.#bell.isOn);
  }

  async #chooseStation() {
    addStations(this.#till.board.orders.flatMap(stationsOf));
    const answer = await askStation(texts, readStations(), this.#till.station);
    if (!answer) return;
    if (answer.station) addStations([answer.station]);
    await this.#till.choose(answer.station);
    this.#showShop();
  }

  // Give a command and wait for its answer: null where there is none yet, and it is kept. Throws `Conflict`.
  async #give(method, path, body) {
    const { id, answer } = await this.#till.submit(method, path, body);
    this.#told.add(id);
    let timer;
    const patience = isAway(this.#till.state) ? AWAY_MS : GIVE_MS;
    const enough = new Promise((resolve) => (timer = setTimeout(resolve, patience, null)));
    try {
      return await Promise.race([answer, enough]);
    } finally {
      clearTimeout(timer);
      this.#told.delete(id);
    }
  }

  #openMenu() {
    const give = (...command) => this.#give(...command);
    openMenu(texts, {
      acts: [
        { icon: "chart", words: say("menu.today"), run: () => openToday(this.#till, texts, give) },
        { icon: "gift", words: say("menu.cards"), run: () => openGiftCards(this.#till, texts, give) },
        { icon: "star", words: say("menu.points"), run: () => openPoints(this.#till, texts, give) },
      ],
      choose: (language) => {
        choose(language);
        location.reload();
      },
      forget: () => this.#forget(),
    });
  }

  async #forget() {
    if (!(await askForget(texts, this.#till.waiting))) return;
    await this.#till.forget();
    await forgetPage();
    location.reload();
  }

  // Another key. All that waits was this terminal's word, and no other's.
  async #pairAgain() {
    const place = document.getElementById("app");
    await this.#till.stop();
    this.#board.close();
    const paired = await askForKey(place, texts);
    if (paired.terminalId !== this.#paired.terminalId) await this.#till.forget();
    writeKey(paired);
    location.reload();
  }
}

async function main() {
  document.documentElement.lang = texts.language;
  document.documentElement.dir = say("dir");
  setTheme(theme());
  const place = document.getElementById("app");
  let paired = readKey();
  keepPage("/pages/till/worker.js", "/till");
  if (!paired) {
    document.title = say("title");
    paired = await askForKey(place, texts);
    writeKey(paired);
  }
  globalThis.navigator?.storage?.persist?.().catch(() => {});
  await new App(paired).start(place);
}

main();
