// @ts-check
// The page that the link in the new mailbox leads to.

import { api } from "../api.js";
import { element } from "../dom.js";
import { linkPage } from "../link-page.js";
import { remembered } from "../session.js";
import { words } from "../words.js";

const TEXT = words.emailChangeView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show(context) {
  linkPage(context, {
    before: element("p", {}, TEXT.intro),
    submit: TEXT.confirm, act: (secret) => api.confirmEmailChange(secret), doneTitle: TEXT.doneTitle,
    done: ({ email, revoked }) => {
      remembered.address = email;
      const ended = words.whatEnded(revoked);
      return [
        element("p", {}, TEXT.done(element("strong", {}, email))),
        ended && element("p", {}, words.endedElsewhere(ended)),
        element("p", { class: "actions" }, element("a", { href: "#/login", class: "button primary" }, words.logIn)),
      ];
    },
  });
}
