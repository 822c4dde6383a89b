// @ts-check
// A button that copies, and says so on itself, for eyes and ears.

import { announce, element } from "./dom.js";
import { icon } from "./icons.js";
import { words } from "./words.js";

/** `source` is the element that holds the text, to be selected where the browser refuses. @param {string} text
 * @param {Element} source */
export function copyButton(text, source) {
  const label = element("span", {}, words.copy);
  const button = element("button", { type: "button", class: "quiet", onclick: copy }, icon("copy"), label);
  async function copy() {
    const copied = await copyText(text);
    if (!copied) getSelection()?.selectAllChildren(source);
    label.textContent = copied ? words.copied : words.copyFailed;
    announce(label.textContent);
    setTimeout(() => { label.textContent = words.copy; }, 3000);
  }
  return button;
}

/** @param {string} text */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // There is no clipboard on a page that came over plain HTTP from another machine; the old way still works there.
    const focused = document.activeElement;
    const area = element("textarea", { class: "visually-hidden", readonly: true }, text);
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    return copied;
  }
}
