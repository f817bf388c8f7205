// Elements from values: text stays text, whoever wrote it, since nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, wishes, children) {
  for (const [name, value] of Object.entries(wishes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...flat(children));
  return node;
}

const flat = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

// An element. `wishes` are attributes as HTML spells them, and handlers as `onclick`. Children are nodes and texts.
export function el(name, wishes = {}, ...children) {
  return fill(document.createElement(name), wishes, children);
}

// The same for pictures.
export function svg(name, wishes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), wishes, children);
}

// Put these in the place of all that is in there.
export function replace(node, ...children) {
  node.replaceChildren(...flat(children));
}

// Write a text where it differs: what is unchanged costs no layout.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// A list that keeps the node of each key: of a thousand rows a change touches one.
//
// `make(value)` gives a node, `update(node, value)` brings one up to date, and is called where `value` is another
// object than the last time. Values are not changed in place.
export class KeyedList {
  #parent;
  #keyOf;
  #make;
  #update;
  #rows = new Map();

  constructor(parent, { keyOf, make, update = () => {} }) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#make = make;
    this.#update = update;
  }

  get size() {
    return this.#rows.size;
  }

  nodeOf(key) {
    return this.#rows.get(key)?.node ?? null;
  }

  show(values) {
    const wanted = new Set(values.map(this.#keyOf));
    for (const [key, { node }] of this.#rows) {
      if (wanted.has(key)) continue;
      node.remove();
      this.#rows.delete(key);
    }
    let before = this.#parent.firstChild;
    for (const value of values) {
      const row = this.#rowOf(value);
      if (row.node === before) before = before.nextSibling;
      else this.#parent.insertBefore(row.node, before);
    }
  }

  #rowOf(value) {
    const key = this.#keyOf(value);
    let row = this.#rows.get(key);
    if (!row) {
      row = { node: this.#make(value), value: undefined };
      this.#rows.set(key, row);
    }
    if (row.value !== value) {
      this.#update(row.node, value);
      row.value = value;
    }
    return row;
  }
}
