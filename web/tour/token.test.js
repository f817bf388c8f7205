import assert from "node:assert/strict";
import test from "node:test";

import { carryToken, loadWhenAnother, takeToken } from "./token.js";

function pageAt(address) {
  const page = {
    location: new URL(address),
    history: {
      state: null,
      replaceState(state, _, path) {
        this.state = state;
        page.location = new URL(path, page.location);
      },
    },
  };
  return page;
}

test("the token leaves the address, and a reload still has it", () => {
  const page = pageAt("http://127.0.0.1:8080/wall?x=1#abc");
  assert.equal(takeToken(page), "abc");
  assert.equal(page.location.href, "http://127.0.0.1:8080/wall?x=1");
  assert.equal(takeToken(page), "abc");
});

test("an address without a token has none", () => {
  assert.equal(takeToken(pageAt("http://127.0.0.1:8080/wall")), "");
});

test("links of the demo take it along", () => {
  const links = [{ hash: "" }, { hash: "#old" }];
  carryToken("abc", { querySelectorAll: () => links });
  assert.deepEqual(links.map(({ hash }) => hash), ["abc", "abc"]);
});

test("another token that is typed over the address is taken, and a page that comes back begins anew", () => {
  const heard = {};
  let loads = 0;
  const location = { hash: "#new", reload: () => (loads += 1) };
  loadWhenAnother({ location, addEventListener: (name, hear) => (heard[name] = hear) });
  heard.hashchange();
  heard.pageshow({ persisted: true });
  heard.pageshow({ persisted: false });
  assert.equal(loads, 2);
  location.hash = "";
  heard.hashchange();
  assert.equal(loads, 2);
});
