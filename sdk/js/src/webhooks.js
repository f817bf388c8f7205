// Is a webhook's message genuine? Standard Webhooks: an HMAC-SHA256 over its id, its time and its bytes.

import { isObject } from "./core/values.js";
import { NotGenuine } from "./errors.js";

const TOLERANCE_SECONDS = 300;
const encoder = new TextEncoder();
const bytesOf = (base64) => Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));

const lookUp = (headers) => {
  const pairs = typeof headers.entries === "function" ? [...headers.entries()] : Object.entries(headers);
  return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), String(value)]));
};

// Return the message, when its signature fits the endpoint's secret and it is of now. `body` are the bytes (or the
// text) as they came, not parsed and written again. While a secret is being changed either of two signatures will do.
// Throws `NotGenuine`.
export async function verify(secret, headers, body, { now = Date.now() / 1000, tolerance = TOLERANCE_SECONDS } = {}) {
  const found = lookUp(headers);
  const [id, moment, said] = ["id", "timestamp", "signature"].map((name) => found[`webhook-${name}`]);
  if (!id || !said || !/^\d{1,15}$/.test(moment ?? "")) throw new NotGenuine("a header is missing or malformed");
  const age = now - Number(moment);
  if (Math.abs(age) > tolerance) throw new NotGenuine(`the message is ${age.toFixed()} s old`);
  const content = typeof body === "string" ? encoder.encode(body) : new Uint8Array(body);
  const signed = new Uint8Array([...encoder.encode(`${id}.${moment}.`), ...content]);
  let key;
  try {
    const raw = bytesOf(secret.replace(/^whsec_/, ""));
    key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  } catch {
    throw new NotGenuine("the secret is malformed");
  }
  let fits = false;
  for (const one of said.split(" ")) {
    const [version, encoded = ""] = one.split(",");
    try {
      fits ||= version === "v1" && (await crypto.subtle.verify("HMAC", key, bytesOf(encoded), signed));
    } catch {
      // It is no base64, and no signature.
    }
  }
  if (!fits) throw new NotGenuine("no signature fits");
  let message;
  try {
    message = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    throw new NotGenuine("the message is no JSON");
  }
  if (!isObject(message)) throw new NotGenuine("the message is no object");
  return message;
}
