// The light of the connection: which tone, which words, and what a person may do about it. Pure.

// States in which orders do not come; what is shown may be old.
const AWAY = new Set(["offline", "replaced", "elsewhere", "revoked", "stopped"]);

export const isAway = (state) => AWAY.has(state.state);

// `{tone, key, values, action}`: a text of texts.js with its values, and `return`, `start`, `pair` or null.
export function lightOf(state) {
  switch (state.state) {
    case "live":
      return light("good", "light.live");
    case "catching_up":
      if (state.of === null || state.of === undefined) return light("warn", "light.catching");
      return light("warn", "light.catching.of", { done: state.done, of: state.of });
    case "offline":
      return light("bad", "light.offline", { since: state.since });
    case "replaced":
      return light("bad", "light.replaced", {}, "return");
    case "elsewhere":
      return light("bad", "light.elsewhere", {}, "return");
    case "revoked":
      return light("bad", "light.revoked", {}, "pair");
    case "resetting":
      return light("warn", "light.resetting");
    case "stopped":
      return light("bad", "light.stopped", { reason: state.reason ?? "" }, "start");
    default:
      return light("warn", "light.connecting");
  }
}

const light = (tone, key, values = {}, action = null) => ({ tone, key, values, action });
