// @ts-check
// The page that the link in the old mailbox leads to: takes a change of address back, and everything after it.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { icon } from "../icons.js";
import { linkPage } from "../link-page.js";
import { mailedLink } from "../links.js";
import { remembered, session } from "../session.js";
import { words } from "../words.js";

const TEXT = words.emailUndoView;

export const title = TEXT.title;

/** @param {import("../types.js").Context} context */
export function show(context) {
  linkPage(context, {
    before: [element("p", {}, TEXT.intro), notice("warning", element("p", {}, TEXT.consequence))],
    submit: TEXT.undo,
    act: (secret) => api.undoEmailChange(secret),
    done({ email }) {
      remembered.address = email;
      session.end();
      mailedLink.forget();
      context.retitle(TEXT.doneTitle);
      return [
        element("div", { class: "big-picture good" }, icon("check")),
        element("p", {}, TEXT.done(element("strong", {}, email))),
        element("p", { class: "actions" },
          element("a", { href: "#/forgot-password", class: "button primary" }, TEXT.reset)),
      ];
    },
  });
}
