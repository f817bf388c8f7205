// The lines of the tour, for a demo at this address. Pure.

const ORDER = '{"orderType":"pickup","customerName":"Ada","items":[{"name":"Margherita","quantity":1,"unitPrice":9.5}]}';
const WELL_KNOWN_PORT = "8080";

// `caFile` is what a client has to trust, where the demo speaks TLS.
export function linesFor(origin, caFile = null) {
  const { port } = new URL(origin);
  const trust = caFile ? ` --cacert ${caFile}` : "";
  const trusting = caFile ? `SSL_CERT_FILE=${caFile} ` : "";
  // A key goes in by the shell's own echo, and is no word of a command that others could list.
  const asShop = `echo "Authorization: Bearer $(.venv/bin/bellwire demo-key kitchen --store)" | curl -sS${trust} -H @-`;
  const asOperator = (words) => `${trusting}BELLWIRE_KEY=$(.venv/bin/bellwire demo-key --operator) .venv/bin/bellwire ${words}`;
  // Of two demos in one folder this names the one that is meant.
  const first = { title: "First, since this demo is at another port than 8080", line: `export BELLWIRE_PORT=${port}` };
  return [
    ...(port === WELL_KNOWN_PORT ? [] : [first]),
    {
      title: "Be a till",
      line: `${trusting}BELLWIRE_KEY=$(.venv/bin/bellwire demo-key kitchen) .venv/bin/bellwire tail --url ${origin}`,
    },
    {
      title: "Place an order",
      line: `${asShop} ${origin}/api/tenant/orders/create -H 'Content-Type: application/json' -d '${ORDER}'`,
    },
    { title: "Is the kitchen listening?", line: `${asShop} ${origin}/api/tenant/kitchen/status` },
    { title: "What happened to it?", line: asOperator(`why --url ${origin} --tenant kitchen ORD-1`) },
    { title: "Kill a gateway and Redis", line: "kill -9 $(.venv/bin/bellwire demo-pids gateway valkey)" },
  ];
}
