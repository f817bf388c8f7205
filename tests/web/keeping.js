// What tests of IndexedDB do in a page: they look into the SDK's database behind its back.
async () => {
  const sdk = await import("/pages/sdk/index.js");
  const request = (asked) =>
    new Promise((resolve, reject) => {
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  const open = () => request(indexedDB.open("bellwire"));
  // Do `work(store)` with one of its stores; answers the result of the request that it makes.
  const raw = async (name, work) => {
    const db = await open();
    try {
      return await request(work(db.transaction(name, "readwrite").objectStore(name)));
    } finally {
      db.close();
    }
  };
  const failure = async (work) => {
    try {
      return { value: await work() };
    } catch (error) {
      return { name: error.name, message: error.message };
    }
  };
  Object.assign(globalThis, { sdk, raw, failure });
}
