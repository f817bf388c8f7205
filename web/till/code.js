// A pairing code as it is typed, and what a terminal's key looks like. Pure.

const LENGTH = 8;

// In two groups, with the letters that Crockford's base32 takes for digits read as those.
export function codeOf(text) {
  const signs = text.toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1").replace(/[^0-9A-Z]/g, "").slice(0, LENGTH);
  return signs.length > 4 ? `${signs.slice(0, 4)}-${signs.slice(4)}` : signs;
}

export const isKey = (text) => /^bw_term_[\w-]{20,}$/.test(text);
