// @ts-check
// A question over the view: before something that cannot be undone, or for a proof that the view needs.

import { element, freshId } from "./dom.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */

/** @type {(yes: boolean) => void} */
let close = () => {};

/** Takes an open question off the screen, as if it had been cancelled: the view under it is being left. */
export const dismissDialog = () => close(false);

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
      content((yes) => close(yes)));
    close = (yes) => {
      close = () => {};
      dialog.close();
      dialog.remove();
      resolve(yes);
    };
    document.body.append(dialog);
    dialog.showModal();
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
