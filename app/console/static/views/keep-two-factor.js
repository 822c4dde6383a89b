// @ts-check
// The page that the link in an email about a clearing leads to.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { linkPage, toReset } from "../link-page.js";
import { words } from "../words.js";

const TEXT = words.keepView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show(context) {
  linkPage(context, {
    before: [element("p", {}, TEXT.why), element("p", {}, TEXT.consequence)],
    after: notice("info", element("p", {}, TEXT.orLogIn)),
    submit: TEXT.act, act: (secret) => api.cancelClearing(secret), doneTitle: TEXT.doneTitle,
    secondary: element("a", { href: "#/login", class: "aside-link" }, words.logIn),
    done: () => [
      element("p", {}, TEXT.done),
      notice("warning", element("p", {}, TEXT.mailbox)),
      element("p", { class: "actions" }, toReset(TEXT.reset)),
    ],
  });
}
