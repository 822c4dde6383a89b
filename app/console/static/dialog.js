// @ts-check
// A question before something that cannot be undone.

import { element, freshId } from "./dom.js";
import { words } from "./words.js";

/** @type {(yes: boolean) => void} */
let close = () => {};

/** Takes an open question off the screen, as if it had been cancelled: the view under it is being left. */
export const dismissDialog = () => close(false);

/**
 * Resolves to true only for the named act.
 * @param {{ title: string, consequence: string, act: string, extra?: import("./types.js").Children }} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, consequence, act, extra = null }) {
  return new Promise((resolve) => {
    const heading = freshId("dialog");
    const dialog = element("dialog", { "aria-labelledby": heading, oncancel: () => close(false) },
      element("h2", { id: heading }, title),
      element("p", {}, consequence),
      extra,
      element("div", { class: "actions" },
        element("button", { type: "button", class: "danger", onclick: () => close(true) }, act),
        element("button", { type: "button", class: "secondary", autofocus: true, onclick: () => close(false) },
          words.cancel)));
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
