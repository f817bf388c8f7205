// The words of a page in the reader's language. A page's own file of texts has every word that it shows.

const KEY = "bellwire.language";

// The best of `languages` for one who reads `wanted`, the first of all where none fits.
export function best(languages, wanted) {
  for (const one of wanted) {
    const found = languages.find((language) => one.toLowerCase().split("-")[0] === language);
    if (found) return found;
  }
  return languages[0];
}

// `texts` is {en: {key: "text"}, de: {…}}; in a text `{name}` is filled in, and {one, other} goes by `count`.
export class Texts {
  #texts;
  #fallback;
  #plurals;

  // `wanted` are the reader's own tags: a German of Austria writes money as it is written there.
  constructor(texts, language, wanted = globalThis.navigator?.languages ?? []) {
    const [first] = Object.keys(texts);
    this.language = texts[language] ? language : first;
    this.locale = wanted.find((tag) => tag.toLowerCase().split("-")[0] === this.language) ?? this.language;
    this.languages = Object.keys(texts);
    this.#texts = texts[this.language];
    this.#fallback = texts[first];
    this.#plurals = new Intl.PluralRules(this.language);
  }

  say(key, values = {}) {
    let text = this.#texts[key] ?? this.#fallback[key] ?? key;
    if (typeof text === "object") text = text[this.#plurals.select(values.count)] ?? text.other;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  }
}

// The reader's choice, or what the browser says.
export function chosen(languages, storage = globalThis.localStorage, wanted = globalThis.navigator?.languages ?? []) {
  const kept = read(storage);
  return languages.includes(kept) ? kept : best(languages, wanted);
}

export function choose(language, storage = globalThis.localStorage) {
  try {
    storage.setItem(KEY, language);
  } catch {
    // A browser that keeps nothing shows its own language.
  }
}

const read = (storage) => {
  try {
    return storage?.getItem(KEY);
  } catch {
    return null;
  }
};
