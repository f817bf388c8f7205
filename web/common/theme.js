// Light or dark: as the system has it, until somebody chooses.

const KEY = "bellwire.theme";

export const THEMES = ["system", "light", "dark"];

export function theme(storage = globalThis.localStorage) {
  try {
    const kept = storage.getItem(KEY);
    return THEMES.includes(kept) ? kept : "system";
  } catch {
    return "system";
  }
}

// Show it, and keep it for the next time.
export function setTheme(name, root = document.documentElement, storage = globalThis.localStorage) {
  if (name === "system") delete root.dataset.theme;
  else root.dataset.theme = name;
  try {
    storage.setItem(KEY, name);
  } catch {
    // It holds until the page is closed.
  }
}

export const nextTheme = (name) => THEMES[(THEMES.indexOf(name) + 1) % THEMES.length];
