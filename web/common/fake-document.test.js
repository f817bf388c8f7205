// As much of a document as builders of elements need, so that they are tried without a browser.

class FakeNode {
  parent = null;
  children = [];

  get firstChild() {
    return this.children[0] ?? null;
  }

  get nextSibling() {
    return this.parent?.children[this.parent.children.indexOf(this) + 1] ?? null;
  }

  append(...added) {
    for (const one of added) this.insertBefore(one, null);
  }

  insertBefore(added, before) {
    const node = added instanceof FakeNode ? added : Object.assign(new FakeNode(), { text: String(added) });
    node.remove();
    node.parent = this;
    this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, node);
  }

  replaceChildren(...added) {
    for (const child of [...this.children]) child.remove();
    this.append(...added);
  }

  remove() {
    if (this.parent) this.parent.children = this.parent.children.filter((child) => child !== this);
    this.parent = null;
  }
}

class FakeElement extends FakeNode {
  attributes = {};
  listeners = {};

  constructor(name) {
    super();
    this.name = name;
  }

  setAttribute(name, value) {
    this.attributes[name] = String(value);
  }

  getAttribute(name) {
    return this.attributes[name] ?? null;
  }

  removeAttribute(name) {
    delete this.attributes[name];
  }

  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }
}

export class FakeDocument {
  createElement(name) {
    return new FakeElement(name);
  }

  createElementNS(_, name) {
    return new FakeElement(name);
  }
}

export const textOf = (node) => node.text ?? node.children.map(textOf).join("");
