// A till that belongs to nobody yet: type a code, or paste a key.

import { el, setText } from "../common/dom.js";
import { help } from "../common/parts.js";
import { NoAnswer, pair, paired } from "./ask.js";
import { codeOf, isKey } from "./code.js";

// Ask until there is a key: resolves with `{tenant, terminalId, name, key}`. `place` is where the page is put.
export function askForKey(place, texts) {
  return new Promise((resolve) => {
    const show = (build) => {
      place.replaceChildren(build(texts, resolve, () => show(build === byCode ? byKey : byCode)));
      place.querySelector("input, textarea").focus();
    };
    show(byCode);
  });
}

function byCode(texts, resolve, other) {
  const input = el("input", {
    id: "code", class: "code", name: "code", autocomplete: "off", autocapitalize: "characters", spellcheck: "false",
    inputmode: "text", placeholder: "ABCD-EFGH", maxlength: "20", required: true, "aria-describedby": "pair-lead pair-wrong",
    oninput: () => (input.value = codeOf(input.value)),
  });
  const ask = () => pair(input.value);
  return page(texts, { lead: "pair.lead", label: "pair.code", input, other, words: "pair.by.key", ask, resolve });
}

function byKey(texts, resolve, other) {
  const input = el("input", {
    id: "key", class: "mono", name: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true,
    placeholder: "bw_term_…", "aria-describedby": "pair-lead pair-wrong",
  });
  const ask = async () => {
    const key = input.value.trim();
    if (!isKey(key)) throw new WrongKind();
    return paired(key);
  };
  return page(texts, { lead: "pair.key.lead", label: "pair.key", input, other, words: "pair.by.code", ask, resolve });
}

class WrongKind extends Error {}

function page(texts, { lead, label, input, other, words, ask, resolve }) {
  const say = (key, values) => texts.say(key, values);
  const wrong = el("p", { id: "pair-wrong", class: "wrong", role: "alert" });
  const go = el("button", { class: "button main", type: "submit" }, say("pair.go"));
  const submit = async (event) => {
    event.preventDefault();
    go.disabled = true;
    setText(wrong, "");
    try {
      resolve(await ask());
    } catch (error) {
      setText(wrong, complaint(say, error));
      input.setAttribute("aria-invalid", "true");
      input.select();
    } finally {
      go.disabled = false;
    }
  };
  return el(
    "main",
    { class: "pairing" },
    el(
      "form",
      { class: "card stack", onsubmit: submit },
      el("p", { class: "brand" }, "Bellwire"),
      el("h1", {}, say("pair.title")),
      el("p", { id: "pair-lead", class: "muted" }, say(lead)),
      el("label", { class: "field" }, el("span", {}, say(label)), input),
      wrong,
      go,
      el("button", { class: "button quiet", type: "button", onclick: other }, say(words)),
      el("p", { class: "small muted" }, say("pair.keeps")),
    ),
    help(say("help"), say("help.1"), say("help.2"), say("help.3")),
  );
}

function complaint(say, error) {
  if (error instanceof WrongKind) return say("pair.key.kind");
  if (error instanceof NoAnswer) return say("pair.offline");
  if (error.status === 404) return say("pair.wrong");
  if (error.status === 429) return say("pair.wait", { count: Math.max(1, Math.ceil(error.retryAfterSeconds / 60)) });
  if (error.problem === "forbidden") return say("pair.key.kind");
  if (error.status === 401) return say("pair.key.wrong");
  return error.status === 422 || error.status === 400 ? say("pair.wrong") : say("pair.offline");
}
