// Keep a page for times without a network: asks the browser to run the worker that lies beside it.
//
// A worker's address is a script, so it has to pass the page's one Trusted Types policy, which lets workers of ours by.

const OURS = /^\/pages\/[a-z]+\/worker\.js$/;

const policy = globalThis.trustedTypes?.createPolicy("bellwire", {
  createScriptURL(url) {
    if (!OURS.test(url)) throw new TypeError(`${url} is no worker of ours`);
    return url;
  },
});

// Run it for `scope`, and tell it which files this page is made of. Null where the browser has none (a page without TLS).
export async function keepPage(url, scope) {
  const workers = globalThis.navigator?.serviceWorker;
  if (!workers) return null;
  try {
    await workers.register(policy ? policy.createScriptURL(url) : url, { scope, updateViaCache: "none" });
    const { active } = await workers.ready;
    const loaded = performance.getEntriesByType("resource").map((entry) => new URL(entry.name));
    const ours = loaded.filter((one) => one.origin === location.origin && one.pathname.startsWith("/pages/"));
    active?.postMessage({ keep: [scope, ...new Set(ours.map((one) => one.pathname))] });
    return active;
  } catch {
    // A browser that was told to keep nothing. The page works, online.
    return null;
  }
}
