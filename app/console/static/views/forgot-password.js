// Forgot the password, or lost the device: a link by mail.

import { api } from "../api.js";
import { element, icon } from "../dom.js";
import { emailField, form } from "../form.js";

export const title = "Reset your password";

export function show({ main, retitle }) {
  const email = emailField({ "data-first": true });
  const made = form({
    fields: [email], submit: "Send the link",
    before: element("p", {}, "We send you a link to choose a new password. It is also the way back in when you lost the device with your codes."),
    act: async (values) => {
      await api.requestPasswordReset(values.email.trim());
      sent(values.email.trim());
    },
    secondary: element("a", { href: "#/login", class: "aside-link" }, "Back to log in"),
  });
  const card = element("div", { class: "card" }, made.node);
  main.append(card);

  function sent(address) {
    retitle("Look in your mailbox");
    card.replaceChildren(
      element("div", { class: "big-picture" }, icon("mail")),
      element("p", {}, "If ", element("strong", {}, address), " has an account, a mail with a link is on its way. The link works once, for 30 minutes."),
      element("p", { class: "hint" }, "Nothing there after a few minutes? Look among the junk mail, and check that this is the address of your account."),
      element("p", { class: "actions" }, element("a", { href: "#/login", class: "button secondary" }, "Back to log in")));
    main.querySelector("h1").focus();
  }
}
