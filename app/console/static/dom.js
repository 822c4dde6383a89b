// @ts-check
// Builds elements. Text only ever becomes text: nothing in the console parses HTML, and the page's policy forbids it.

import { icon } from "./icons.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */

/**
 * A property that starts with "on" is a listener; one that is null, undefined or false is left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {Children[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...flat(children));
  return node;
}

/** @param {Children} children @returns {(Node | string)[]} */
export function flat(children) {
  if (children === null || children === undefined || children === false) return [];
  if (typeof children === "string" || children instanceof Node) return [children];
  return children.flatMap(flat);
}

let serial = 0;
/**
 * An id that no other element of the page has, to tie labels, hints and errors to their control.
 * @param {string} stem
 */
export function freshId(stem) {
  serial += 1;
  return `${stem}-${serial}`;
}

/** Says a sentence to a screen reader without moving anything on the page. @param {string} sentence */
export function announce(sentence) {
  const announcer = document.getElementById("announcer");
  if (!announcer) return;
  // The same sentence twice is only read twice when the region was empty in between.
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = sentence; }, 50);
}

/** A boxed message. @param {"info" | "success" | "warning" | "danger"} kind @param {Children[]} children */
export function notice(kind, ...children) {
  const picture = { info: "info", success: "check", warning: "warning", danger: "stop" }[kind];
  return element("div", { class: `notice ${kind}` },
    icon(picture), element("div", { class: "notice-words" }, children));
}

/** A notice of one paragraph, its beginning stressed. @param {"info" | "success" | "warning" | "danger"} kind
 * @param {string} stressed @param {Children[]} rest */
export function stressing(kind, stressed, ...rest) {
  return notice(kind, element("p", {}, element("strong", {}, stressed), rest));
}

/** What went wrong, and a button to try again. @param {string} sentence @param {() => void} again */
export function failure(sentence, again) {
  return notice("warning", element("p", {}, sentence),
    element("button", { type: "button", class: "secondary small", onclick: again }, words.tryAgain));
}

/** @param {string} kind @param {string} text */
export function badge(kind, text) {
  return element("span", { class: `badge ${kind}` }, text);
}

/** Makes the element that a sentence has in its middle. @param {string} href @returns {(text: string) => Node} */
export const linkTo = (href) => (text) => element("a", { href }, text);

/** Where the content will be: three rows that say nothing. */
export function skeleton() {
  return element("div", { class: "skeleton", "aria-hidden": "true" },
    element("span"), element("span"), element("span"));
}
