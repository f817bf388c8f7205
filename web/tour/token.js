// The demo's token, which the printed address carries behind its #.
//
// It leaves the address at once, so that no address that is copied or photographed has it, and stays with this one
// entry of the history: a reload finds it there, and no other page does.

export function takeToken({ location, history } = globalThis) {
  const given = location.hash.slice(1);
  if (!given) return history.state?.token ?? "";
  history.replaceState({ token: given }, "", location.pathname + location.search);
  return given;
}

// Links to the demo's other pages take the token along.
export function carryToken(token, root = globalThis.document) {
  for (const link of root.querySelectorAll("a[data-demo]")) link.hash = token;
}

// An address with another token, typed over this one, loads nothing by itself; nor does a page out of the browser's
// cache, whose keys ended when it was left.
export function loadWhenAnother(target = globalThis) {
  target.addEventListener("hashchange", () => target.location.hash && target.location.reload());
  target.addEventListener("pageshow", ({ persisted }) => persisted && target.location.reload());
}
