// @ts-check
// Pictures, drawn in place: none is ever loaded.

const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string>} */
const PATHS = {
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.5c.6-3.6 3.7-5.5 7.5-5.5s6.9 1.9 7.5 5.5",
  shield: "M12 3l7.5 2.8v5.7c0 4.6-3.1 7.8-7.5 9.5-4.4-1.7-7.5-4.9-7.5-9.5V5.8L12 3ZM8.8 12l2.3 2.3 4.2-4.4",
  key: "M8 19.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM11.3 11.8 20 3.5M16.2 7.2l2.8 2.8",
  activity: "M3.5 12h4l2.5-6.5 4 13 2.5-6.5h4",
  copy: "M9 9h10.5v11.5H9ZM5.5 15H4.5V3.5H15v2",
  download: "M12 4v11M7.5 11l4.5 4.5L16.5 11M4.5 20h15",
  "security-key": "M9 3.5h6v5.5H9ZM7 9h10v8.5a3 3 0 0 1-3 3h-4a3 3 0 0 1-3-3ZM12 13v3",
  passkey: "M9.5 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5ZM3 20c.5-3.6 3-5.5 6.5-5.5.8 0 1.5.1 2.2.3"
    + "M17.5 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM17.5 14.5V20.5M17.5 18h2",
  plus: "M12 5v14M5 12h14",
  print: "M7 9V3.5h10V9M7 17H4.5V9h15v8H17M7 14h10v6.5H7Z",
  check: "M4.5 12.5l5 5 10-11",
  warning: "M12 4 2.8 20h18.4L12 4ZM12 10v4.5M12 17.2v.1",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v5.5M12 7.7v.1",
  phone: "M7.5 3h9v18h-9ZM10.5 18h3",
  stop: "M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3L8.3 3ZM12 8v5M12 16.2v.1",
  device: "M3.5 5h17v11h-17ZM9 20h6M12 16v4",
  lock: "M6 11h12v9.5H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  mail: "M3.5 5.5h17v13h-17ZM4 6.5l8 6.5 8-6.5",
  back: "M14.5 5.5 8 12l6.5 6.5",
  leave: "M14 4.5h5.5v15H14M10.5 8 6.5 12l4 4M7 12h8.5",
};

/** A decoration: whatever it says, the words beside it say too. @param {string} name */
export function icon(name) {
  const svg = drawing("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" });
  svg.append(drawing("path", { d: PATHS[name] ?? "" }));
  return svg;
}

/** Our own mark, as key.svg has it. */
export function mark() {
  const svg = drawing("svg", { viewBox: "0 0 32 32", class: "mark", "aria-hidden": "true" });
  svg.append(
    drawing("rect", { width: "32", height: "32", rx: "8" }),
    drawing("circle", { cx: "11", cy: "11.5", r: "3.8" }),
    drawing("path", { d: "M14.8 11.5H25M21.5 11.5v3.2" }),
    drawing("circle", { cx: "21", cy: "21.5", r: "3.8", class: "second" }),
    drawing("path", { d: "M17.2 21.5H7M10.5 21.5v-3.2", class: "second" }));
  return svg;
}

/** @param {string} tag @param {Record<string, string>} attributes */
function drawing(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
