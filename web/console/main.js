// The console: a key opens it, one stream feeds it, and what the address names is shown. Nothing of it outlives the
// page.

import { el, replace, setAttribute, setText } from "../common/dom.js";
import { help, Light, Toasts } from "../common/parts.js";
import { nextTheme, setTheme, theme } from "../common/theme.js";
import { Acts } from "./acts.js";
import { AuditView } from "./audit.js";
import { OrderView } from "./order.js";
import { Overview } from "./overview.js";
import { readRoute, toAudit, toOverview, toShops } from "./route.js";
import { Session } from "./session.js";
import { ShopView } from "./shop.js";
import { Shops } from "./shops.js";
import { SignIn } from "./signin.js";
import { language, say, second } from "./words.js";

const TONES = { live: "good", silent: "bad", waiting: "bad" };

const main = document.getElementById("main");
const bar = document.querySelector("header.bar");
const light = new Light();
const toasts = new Toasts();
const at = el("time", { class: "muted small number at" });
const links = [
  [toOverview(), "overview", "overview"],
  [toShops(), "shops", "shops"],
  [toAudit(), "audit", "audit"],
].map(([href, view, words]) => el("a", { href, "data-view": view }, say(words)));
const nav = el("nav", { "aria-label": say("views"), hidden: true }, links);
const leave = el(
  "button",
  { class: "button quiet little", type: "button", hidden: true, onclick: () => signOut() },
  say("leave"),
);
const signIn = new SignIn((key) => open(key));

let session = null;
let view = null;

function dress() {
  setText(bar.querySelector(".where"), say("console"));
  document.documentElement.lang = language;
  setTheme(theme());
  const name = el("span", { class: "theme" }, say(`theme-${theme()}`));
  const change = () => {
    setTheme(nextTheme(theme()));
    setText(name, say(`theme-${theme()}`));
  };
  const themes = el(
    "button",
    { class: "button quiet little", type: "button", onclick: change },
    el("span", { "aria-hidden": "true" }, "◐"),
    el("span", { class: "unseen" }, say("theme")),
    name,
  );
  bar.append(nav, el("div", { class: "row end" }, at, light.node, themes, leave));
  bar.before(el("a", { class: "skip", href: "#main", onclick: skip }, say("skip")));
  document.body.append(toasts.node, help(say("help"), say("help1"), say("help2"), say("help3")));
}

// The address names a view, so a link to a place in it would lead away.
function skip(event) {
  event.preventDefault();
  main.querySelector("h1")?.focus();
}

// Try a key. The page changes with the stream's first word.
function open(key) {
  session?.forget();
  const mine = new Session(key, { onEnded: () => session === mine && signOut(mine.frame ? "keyEnded" : "keyWrong") });
  session = mine;
  signIn.say(say("asking"));
  mine.start(
    (frame) => {
      if (session !== mine) return;
      if (!view) enter();
      draw(frame);
    },
    (link) => session === mine && showLink(link),
  );
}

function enter() {
  for (const one of [nav, leave, light.node, at]) one.hidden = false;
  signIn.clear();
  go();
}

function showLink({ state, since, retryAt, why }) {
  if (state === "refused") signOut("keyRefused");
  else if (state === "ended") signOut(session.frame ? "keyEnded" : "keyWrong");
  else if (!view)
    signIn.say(
      say(retryAt === null ? "asking" : why ? "askedAgain" : "noAnswer", { why }),
      retryAt === null ? "" : "warn",
    );
  else {
    light.show(TONES[state] ?? "warn", say(`link-${state}`, { since: second(since) }));
    setAttribute(light.node, "title", why);
    setAttribute(main, "data-stale", state === "silent" || state === "waiting");
  }
}

function draw(frame) {
  if (!frame || document.hidden || !view) return;
  view.show?.(frame);
  setText(at, second(frame.at));
  setAttribute(at, "datetime", frame.at);
  setAttribute(at, "title", say("frameAt"));
  entitle();
}

function entitle() {
  document.title = `${view?.count ? `(${view.count}) ` : ""}${view?.title ?? say("console")} · Bellwire`;
}

const VIEWS = {
  overview: ({ operator, history }, acts) => new Overview(acts, history),
  shops: ({ operator }) => new Shops(operator),
  shop: ({ operator }, acts, { tenant }) => new ShopView(operator, acts, tenant),
  order: ({ operator }, acts, { tenant, order }) => new OrderView(operator, tenant, order),
  audit: ({ operator }) => new AuditView(operator),
};

// Show what the address names. The keyboard goes on at its heading.
function go() {
  if (!session?.frame) return;
  const isFirst = view === null;
  view?.close?.();
  const route = readRoute(location.hash);
  view = VIEWS[route.view](session, new Acts(session.operator, toasts), route);
  replace(main, view.node);
  for (const link of links) setAttribute(link, "aria-current", link.dataset.view === route.view ? "page" : null);
  draw(session.frame);
  entitle();
  scrollTo(0, 0);
  if (!isFirst || document.activeElement === document.body) main.querySelector("h1")?.focus({ preventScroll: true });
}

// Forget the key and all that it showed. `why` names a text.
function signOut(why = null) {
  view?.close?.();
  view = null;
  session?.forget();
  session = null;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  toasts.node.replaceChildren();
  for (const one of [nav, leave, light.node, at]) one.hidden = true;
  setText(at, "");
  main.removeAttribute("data-stale");
  signIn.clear();
  replace(main, signIn.node);
  entitle();
  if (why) signIn.say(say(why), "bad");
  signIn.focus();
}

dress();
signOut();
addEventListener("hashchange", go);
document.addEventListener("visibilitychange", () => session && draw(session.frame));
// A page that is left may be kept whole, to be shown again when somebody goes back: then as one without a key. A
// text that the browser puts back into a field of its own accord goes, too.
addEventListener("pagehide", () => signOut());
addEventListener("pageshow", () => signIn.clear());
