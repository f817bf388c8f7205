// The lines of the tour, for a demo at this address. Pure.

const ORDER = '{"orderType":"pickup","customerName":"Ada","items":[{"name":"Margherita","quantity":1,"unitPrice":9.5}]}';

// A key goes in by the shell's own echo, and is no word of a command that others could list.
const withKey = (words) => `echo "Authorization: Bearer $(.venv/bin/bellwire demo-key ${words})" | curl -s -H @-`;

export function linesFor(origin) {
  return [
    {
      title: "Be a till",
      line: `BELLWIRE_KEY=$(.venv/bin/bellwire demo-key kitchen) .venv/bin/bellwire tail --url ${origin}`,
    },
    {
      title: "Place an order",
      line: `${withKey("kitchen --store")} ${origin}/api/tenant/orders/create -H 'Content-Type: application/json' -d '${ORDER}'`,
    },
    { title: "Is the kitchen listening?", line: `${withKey("kitchen --store")} ${origin}/api/tenant/kitchen/status` },
    { title: "What happened to it?", line: `BELLWIRE_KEY=$(.venv/bin/bellwire demo-key --operator) .venv/bin/bellwire why --url ${origin} --tenant kitchen ORD-1` },
    { title: "Kill a gateway and Redis", line: "kill -9 $(.venv/bin/bellwire demo-pids gateway valkey)" },
  ];
}
