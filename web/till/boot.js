// The first module: loads the others, and tries again where one of them could not be had.
//
// A browser remembers a module that failed for as long as the page is there, so the page is loaded again.

const AGAIN_MS = 3_000;

// Only what could not be loaded is tried again: a fault of the page would be one again.
import("./main.js").catch((error) => {
  if (!(error instanceof TypeError)) throw error;
  setTimeout(() => location.reload(), AGAIN_MS);
});
