// A new password, for somebody who knows the old one.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { form, passwordField, usernameFor } from "../form.js";
import { newPasswordField } from "../new-password.js";
import { count, numberEnded } from "../words.js";

export const title = "Change password";

const METHODS = "/authentication-methods";

export function show({ main, account, go }) {
  const made = form({
    fields: [
      passwordField({ name: "current_password", label: "Current password", "data-first": true }),
      newPasswordField({ context: [account.email] }),
    ],
    before: usernameFor(account.email),
    after: notice("info", element("p", {}, "All other sessions and all personal tokens end. You stay logged in here, and two-factor authentication stays as it is.")),
    submit: "Change password",
    act: async (values) => {
      const answer = await api.changePassword(values.current_password, values.new_password);
      go(METHODS, notice("success", element("p", {}, element("strong", {}, "Your password is changed. "),
        `${count(numberEnded(answer.revoked), "authentication token")} revoked, this page's old one included.`)));
    },
    secondary: element("a", { href: `#${METHODS}`, class: "aside-link" }, "Cancel"),
  });
  main.append(element("div", { class: "card flow" }, made.node));
}
