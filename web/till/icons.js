// The till's pictures: strokes of 2 px on 24, in the colour of the text beside them.

import { svg } from "../common/dom.js";

const PATHS = {
  bell: ["M6 9a6 6 0 0 1 12 0c0 6 2.5 7.5 2.5 7.5h-17S6 15 6 9", "M10 20a2.2 2.2 0 0 0 4 0"],
  mute: ["M6 9a6 6 0 0 1 9.5-4.9M18 10c.2 5 2.5 6.5 2.5 6.5H8M6 10c-.3 5-2.5 6.5-2.5 6.5h2", "M10 20a2.2 2.2 0 0 0 4 0", "M3 3l18 18"],
  printer: ["M7 8V3h10v5", "M7 17H4V9.5A1.5 1.5 0 0 1 5.5 8h13A1.5 1.5 0 0 1 20 9.5V17h-3", "M7 14h10v7H7z"],
  back: ["M9 6L4 11l5 5", "M4 11h10a6 6 0 0 1 6 6v1"],
  cross: ["M6 6l12 12M18 6L6 18"],
  menu: ["M4 6h16M4 12h16M4 18h16"],
  search: ["M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z", "M15.5 15.5L21 21"],
  filter: ["M3 5h18l-7 8.5V20l-4-2v-4.5z"],
  warning: ["M12 3.5L2.5 20.5h19z", "M12 10v5", "M12 17.5v.5"],
  clock: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M12 7v5l3.5 2"],
  gift: ["M3.5 9h17v4h-17z", "M5 13h14v8H5z", "M12 9v12", "M12 9S7 9 7 6.2 11 4 12 9c1-5 5-5.6 5-2.8S12 9 12 9"],
  star: ["M12 3.5l2.6 5.6 6.1.7-4.5 4.2 1.2 6L12 17l-5.4 3 1.2-6-4.5-4.2 6.1-.7z"],
  chart: ["M4 4v16h16", "M8 16v-4M12.5 16V8M17 16v-6"],
  unsent: ["M7 18a4.5 4.5 0 0 1-.6-8.96A6 6 0 0 1 18 10a4 4 0 0 1 0 8", "M12 20v-7M9.5 15.5L12 13l2.5 2.5"],
};

export const icon = (name) =>
  svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, PATHS[name].map((d) => svg("path", { d })));
