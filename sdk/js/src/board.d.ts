/** A screen that shows a shop's events, and gives no commands: the smaller half of a till. */

export { Board } from "./index.js";
