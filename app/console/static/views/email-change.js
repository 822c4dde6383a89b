// @ts-check
// The page that the link in the new mailbox leads to. It waits for a click, so a mail scanner that opens it changes
// nothing.

import { api } from "../api.js";
import { element } from "../dom.js";
import { icon } from "../icons.js";
import { linkPage } from "../link-page.js";
import { mailedLink } from "../links.js";
import { remembered, session } from "../session.js";
import { words } from "../words.js";

const TEXT = words.emailChangeView;

export const title = TEXT.title;

/** @param {import("../types.js").Context} context */
export function show(context) {
  linkPage(context, {
    before: element("p", {}, TEXT.intro),
    submit: TEXT.confirm,
    act: (secret) => api.confirmEmailChange(secret),
    done({ email, revoked }) {
      remembered.address = email;
      session.end(); // Whatever this tab held died with the old address.
      mailedLink.forget();
      context.retitle(TEXT.doneTitle);
      const ended = words.whatEnded(revoked);
      return [
        element("div", { class: "big-picture good" }, icon("check")),
        element("p", {}, TEXT.done(element("strong", {}, email))),
        ended && element("p", {}, TEXT.ended(ended)),
        element("p", { class: "actions" }, element("a", { href: "#/login", class: "button primary" }, words.logIn)),
      ];
    },
  });
}
