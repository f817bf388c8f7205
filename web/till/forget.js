// Take the page itself out of the browser: its worker, and the files that it kept.

export async function forgetPage() {
  const workers = await (navigator.serviceWorker?.getRegistrations() ?? []);
  await Promise.all(workers.map((worker) => worker.unregister()));
  const names = (await globalThis.caches?.keys()) ?? [];
  await Promise.all(names.filter((name) => name.startsWith("bellwire.till")).map((name) => caches.delete(name)));
}
