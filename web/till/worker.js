// The till's page for times without a network: what was loaded last is kept, and shown where nobody answers in time.
//
// It keeps files, and nothing of the shop: questions of the API, streams and steps go past it.

const KEPT = "bellwire.till";
const PATIENCE_MS = 3_000;

const isOurs = (url) => url.origin === self.location.origin && (url.pathname === "/till" || url.pathname.startsWith("/pages/"));

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// The page says which files it is made of: they are kept together, or those of before are.
self.addEventListener("message", (event) => {
  const paths = event.data?.keep;
  if (Array.isArray(paths)) event.waitUntil(keep(paths));
});

async function keep(paths) {
  const cache = await caches.open(KEPT);
  const answers = await Promise.all(paths.map(async (path) => [path, await fetch(path)]));
  if (answers.some(([, answer]) => !answer.ok)) return;
  await Promise.all(answers.map(([path, answer]) => cache.put(path, answer)));
  const wanted = new Set(paths);
  for (const request of await cache.keys()) if (!wanted.has(new URL(request.url).pathname)) await cache.delete(request);
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "GET" && isOurs(url)) event.respondWith(answer(event.request, url.pathname));
});

async function answer(request, path) {
  const kept = async () => (await caches.open(KEPT)).match(path);
  const asked = fetch(request).catch(() => null);
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE_MS, null)));
  const first = await Promise.race([asked, late]);
  clearTimeout(timer);
  // A balancer without a pod answers, too.
  if (first?.ok || first?.status === 304) return first;
  return (await kept()) ?? (await asked) ?? Response.error();
}
