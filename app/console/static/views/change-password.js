// @ts-check
// A new password, for somebody who knows the old one.

import { api } from "../api.js";
import { element, notice, stressing } from "../dom.js";
import { others } from "../events.js";
import { passwordField, usernameFor } from "../fields.js";
import { form } from "../form.js";
import { newPasswordField } from "../new-password.js";
import { cancelLink, METHODS } from "../second-factor-pages.js";
import { words } from "../words.js";

const TEXT = words.changePasswordView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show({ main, account, go }) {
  const made = form({
    fields: [
      passwordField({
        name: "current_password", label: TEXT.current, wanted: TEXT.currentWanted, "data-first": true,
      }),
      newPasswordField(account.email),
    ],
    before: usernameFor(account.email),
    after: notice("info", element("p", {}, TEXT.consequence)),
    submit: TEXT.title,
    act: async (values) => {
      const { revoked } = await api.changePassword(values.current_password ?? "", values.new_password ?? "");
      go(METHODS, stressing("success", TEXT.done, words.alsoEnded(others(revoked))), { replace: true });
    },
    secondary: cancelLink(),
  });
  main.append(element("div", { class: "card flow" }, made.node));
}
