// Small things that more than one shell needs.

// The name under which a board shows what it is made of, to the parts of this package alone.
export const PARTS = Symbol("parts");

// A promise, and what settles it. One that is rejected with nobody waiting is no fault.
export const later = () => {
  const found = {};
  found.promise = new Promise((resolve, reject) => Object.assign(found, { resolve, reject }));
  found.promise.catch(() => {});
  return found;
};

// Not `randomUUID`, which pages without TLS do not have.
export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
