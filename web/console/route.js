// Which view the address names, behind its `#`. An address has names of shops and orders, and never a key. Pure.

export function readRoute(hash) {
  let parts;
  try {
    parts = hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    parts = [];
  }
  const [view, tenant, kind, order] = parts;
  if (view === "shops") return { view: "shops" };
  if (view === "audit") return { view: "audit" };
  if (view === "shop" && tenant && kind === "order" && order) return { view: "order", tenant, order };
  if (view === "shop" && tenant) return { view: "shop", tenant };
  return { view: "overview" };
}

const address = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

export const toOverview = () => address();
export const toShops = () => address("shops");
export const toAudit = () => address("audit");
export const toShop = (tenant) => address("shop", tenant);
export const toOrder = (tenant, order) => address("shop", tenant, "order", order);
