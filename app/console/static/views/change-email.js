// @ts-check
// Another email address, for somebody who knows the password; the new mailbox has the last word.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { emailField, passwordField, usernameFor } from "../fields.js";
import { form } from "../form.js";
import { words } from "../words.js";

const TEXT = words.changeEmailView;
const HOME = "/user-information";

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show({ main, account, go }) {
  const made = form({
    fields: [
      emailField({ name: "new_email", label: TEXT.label, autocomplete: "email", "data-first": true }),
      passwordField({ hint: words.form.toBeSure }),
    ],
    before: [element("p", {}, TEXT.intro(element("strong", {}, account.email))), usernameFor(account.email)],
    after: notice("info", element("p", {}, TEXT.consequence)),
    submit: TEXT.send,
    act: async (values) => {
      const { pending_email: address } = await api.requestEmailChange(values.new_email ?? "", values.password ?? "");
      go(HOME, notice("success", element("p", {}, TEXT.sent(element("strong", {}, address)))), { replace: true });
    },
    secondary: element("a", { href: `#${HOME}`, class: "aside-link" }, words.cancel),
  });
  main.append(element("div", { class: "card flow" }, made.node));
}
