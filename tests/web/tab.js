// A till in a page, for the tests: it writes down what it handled. `begin` opens it.
async () => {
  const sdk = await import("/pages/sdk/index.js");
  const tab = { sdk, till: null, handled: [], states: [], reports: [], told: [], answers: [], done: [], asked: 0, error: null };
  globalThis.tab = tab;
  globalThis.begin = async ({ tenant, key, hangs = false, takesBack = null, claims = null, ...wishes }) => {
    const outbox = new sdk.Outbox({
      onDone: (command) => tab.told.push(["done", command.path.split("/").at(-2)]),
      onConflict: (command, why) => tab.told.push([why.problem, command.path.split("/").at(-2)]),
    });
    if (takesBack !== null) {
      wishes.onReplaced = async () => {
        tab.asked += 1;
        return takesBack;
      };
    }
    tab.till = new sdk.Terminal(location.origin, tenant, key, {
      outbox,
      onState: ({ state }) => tab.states.push(state),
      onReport: (report) => tab.reports.push(report),
      ...wishes,
    });
    await tab.till.open();
    const run = async () => {
      for await (const event of tab.till) {
        if (event.type === "snapshot") tab.handled.push(...event.data.orders.map((order) => order.orderId));
        else if (event.type === "new_order") tab.handled.push(event.offset);
        if (hangs) await new Promise((resolve) => (tab.goOn = resolve));
        if (claims && event.type === "new_order") await tab.till.claim(event, claims, async () => tab.done.push(event.offset));
      }
    };
    run().catch((error) => (tab.error = error.name));
  };
  globalThis.accept = async (order) => {
    const { answer } = await tab.till.accept(order);
    answer.then(({ status }) => tab.answers.push(status), (error) => tab.answers.push(error.name));
  };
}
