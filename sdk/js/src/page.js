// What a page is told about its network and its own sleep.

// `awake()`: somebody looks at the page again, or there is a network again. `offline()`: there is none. Returns what ends it.
export function watchPage({ awake, offline }) {
  const { document } = globalThis;
  const look = () => {
    if (document?.visibilityState !== "hidden") awake();
  };
  const signs = [
    [globalThis, "online", awake],
    [globalThis, "offline", offline],
    [globalThis, "pageshow", ({ persisted }) => persisted && awake()],
    [document, "visibilitychange", look],
    // A page that the browser had frozen goes on.
    [document, "resume", awake],
  ];
  for (const [target, name, listener] of signs) target?.addEventListener?.(name, listener);
  return () => {
    for (const [target, name, listener] of signs) target?.removeEventListener?.(name, listener);
  };
}
