// @ts-check
// A question over the view: before something that cannot be undone, or for a proof that the view needs.

import { element, freshId } from "./dom.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */

/** @type {Set<(yes: boolean) => void>} What closes each question on the screen. */
const open = new Set();

/** Takes all questions off the screen, as if they had been cancelled: the view under them is being left. */
export function dismissDialogs() {
  for (const close of open) close(false);
}

/**
 * Resolves to what `content` closes it with; Escape cancels.
 * @param {string} title @param {(close: (yes: boolean) => void) => Children} content
 * @returns {Promise<boolean>}
 */
export function asked(title, content) {
  return new Promise((resolve) => {
    const heading = freshId("dialog");
    const dialog = element("dialog", { "aria-labelledby": heading, oncancel: () => close(false) },
      element("h2", { id: heading }, title),
      content(close));
    open.add(close);
    document.body.append(dialog);
    dialog.showModal();

    /** @param {boolean} yes */
    function close(yes) {
      open.delete(close);
      dialog.close();
      dialog.remove();
      resolve(yes);
    }
  });
}

/**
 * Resolves to true only for the named act.
 * @param {{ title: string, consequence: string, act: string, extra?: Children }} question
 */
export function confirmed({ title, consequence, act, extra = null }) {
  return asked(title, (finish) => [
    element("p", {}, consequence),
    extra,
    element("div", { class: "actions" },
      element("button", { type: "button", class: "danger", onclick: () => finish(true) }, act),
      element("button", { type: "button", class: "secondary", autofocus: true, onclick: () => finish(false) },
        words.cancel)),
  ]);
}
