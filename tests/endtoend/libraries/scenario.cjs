// node scenario.cjs LIBRARY CONFIG.json: a till made with one library of npm. It connects, is cut in mid-stream, resumes,
// and is refused with a wrong key; it prints what it got as JSON. CONFIG: {url, tenant, term, wrong, store}.
const fs = require("fs"), net = require("net");
const [library, file] = process.argv.slice(2);
const {url, tenant, term, wrong, store} = JSON.parse(fs.readFileSync(file));
const target = new URL(url);
const sleep = ms => new Promise(done => setTimeout(done, ms));
const until = async (what, test) => { for (let tries = 0; !test(); tries++) { if (tries > 300) throw new Error(`no ${what}`); await sleep(50); } };

// A wire of our own, that can be cut.
const pairs = new Set();
let whole = true;
const wire = net.createServer(near => {
  if (!whole) return near.destroy();
  const far = net.connect(target.port, target.hostname);
  near.pipe(far); far.pipe(near);
  for (const end of [near, far]) { pairs.add(end); end.on("error", () => {}).on("close", () => { near.destroy(); far.destroy(); pairs.delete(end); }); }
});
const cut = () => { whole = false; for (const end of pairs) end.destroy(); };

const order = async name => (await (await fetch(url + "/api/tenant/orders/create", {method: "POST", headers: {Authorization: "Bearer " + store},
  body: JSON.stringify({orderType: "pickup", customerName: name, items: [{name: "a", quantity: 1, unitPrice: 1}]})})).json()).offset;

const got = [];
let hellos = 0, last = null;
const base = () => `http://127.0.0.1:${wire.address().port}`;

const clients = {
  "ws": key => {
    const WebSocket = require("ws");
    return new Promise(refused => {
      const open = () => {
        const socket = new WebSocket(`${base().replace("http", "ws")}/ws/pos/${tenant}${last ? "?after=" + last : ""}`, {headers: {Authorization: "Bearer " + key}});
        socket.on("message", text => {
          const message = JSON.parse(text);
          if (message.type === "hello") hellos++;
          if (message.data) { got.push(last = message.offset); socket.send(JSON.stringify({type: "ack", offset: last})); }
        });
        socket.on("unexpected-response", (_, answer) => refused(answer.statusCode));
        socket.on("error", () => {}).on("close", () => setTimeout(open, 200));
      };
      open();
    });
  },
  "eventsource": key => {
    const {EventSource} = require("eventsource");
    const source = new EventSource(`${base()}/sse/pos/${tenant}`, {fetch: (where, init) => fetch(where, {...init, headers: {...init.headers, Authorization: "Bearer " + key}})});
    return heard(source, error => error.code);
  },
  "event-source-polyfill": key => {
    const {EventSourcePolyfill} = require("event-source-polyfill");
    return heard(new EventSourcePolyfill(`${base()}/sse/pos/${tenant}`, {headers: {Authorization: "Bearer " + key}}), error => error.status);
  },
  "reconnecting-eventsource": key => {
    const {EventSource} = require("eventsource");
    class WithKey extends EventSource {
      constructor(where, options) { super(where, {...options, fetch: (to, init) => fetch(to, {...init, headers: {...init.headers, Authorization: "Bearer " + key}})}); }
    }
    const Reconnecting = require("reconnecting-eventsource");
    const source = new (Reconnecting.default || Reconnecting)(`${base()}/sse/pos/${tenant}`, {eventSourceClass: WithKey, max_retry_time: 500});
    return heard(source, error => error.code);
  },
};
const heard = (source, status) => new Promise(refused => {
  source.addEventListener("hello", () => hellos++);
  source.addEventListener("new_order", event => got.push(event.lastEventId));
  source.onerror = error => { if (status(error) >= 400) refused(status(error)); };
});

(async () => {
  await new Promise(done => wire.listen(0, "127.0.0.1", done));
  clients[library](term);
  await until("hello", () => hellos === 1);
  const sent = [await order("A")];
  await until("first event", () => got.length === 1);
  cut();
  sent.push(await order("B"), await order("C"));
  await sleep(300);
  whole = true;
  await until("second hello", () => hellos === 2);
  sent.push(await order("D"));
  await until("whole run", () => got.length >= 4);
  const refused = await Promise.race([clients[library](wrong), sleep(10000)]);
  process.stdout.write("\n" + JSON.stringify({sent, got, refused}) + "\n");
  process.exit(0);
})().catch(error => { process.stdout.write("\n" + JSON.stringify({error: error.message, got, hellos}) + "\n"); process.exit(1); });
