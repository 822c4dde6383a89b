// @ts-check
// The page that the link in the old mailbox leads to: takes a change of address back, and everything after it.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { linkPage, toReset } from "../link-page.js";
import { remembered } from "../session.js";
import { words } from "../words.js";

const TEXT = words.emailUndoView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show(context) {
  linkPage(context, {
    before: [element("p", {}, TEXT.intro), notice("warning", element("p", {}, TEXT.consequence))],
    submit: TEXT.undo, act: (secret) => api.undoEmailChange(secret), doneTitle: TEXT.doneTitle,
    done: ({ email }) => {
      remembered.address = email;
      return [
        element("p", {}, TEXT.done(element("strong", {}, email))),
        element("p", { class: "actions" }, toReset(TEXT.reset)),
      ];
    },
  });
}
