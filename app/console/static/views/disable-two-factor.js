// Turning two-factor authentication off: the password, the warning, the act, and still logged in.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { form, passwordField, recoveryCodeField, usernameFor } from "../form.js";
import { count, explain, numberEnded } from "../words.js";

export const title = "Turn off two-factor authentication";

const METHODS = "/authentication-methods";

export function show({ main, account, go }) {
  const card = element("div", { class: "card flow" });
  main.append(card);
  ask(passwordField({ hint: "To be sure that it is you.", "data-first": true }));

  function ask(password, code = null) {
    const made = form({
      fields: [password, code].filter(Boolean), submit: "Disable two-factor authentication", tone: "danger",
      before: usernameFor(account.email),
      after: notice("warning",
        element("p", {}, element("strong", {}, "All authentication tokens will be revoked. "),
          "Every session and every personal token of this account ends, on all devices. You stay logged in here."),
        element("p", {}, "Your recovery codes stop working, and logging in asks for your password alone.")),
      act: async (values) => done(await api.disableTwoFactor(values.password, values.code)),
      refused: (problem) => {
        if (problem.code === "two_factor_not_enabled") {
          go(METHODS, notice("info", element("p", {}, explain(problem))));
          return true;
        }
        // Some services ask for a code here as well; only then is there a field for it.
        if (!code && problem.errors.some((error) => error.pointer === "/code")) {
          const codeToo = recoveryCodeField({
            label: "Code from your app, or a recovery code", autocomplete: "one-time-code",
            check: (value) => (/^([0-9]{6}|[A-Z2-7]{24})$/i.test(value.replace(/[\s-]/g, "")) ? null : "Enter the six digits, or a recovery code."),
          });
          ask(password, codeToo);
          codeToo.say("Here a code is needed as well: from your app, or a recovery code.");
          return true;
        }
        return false;
      },
      secondary: element("a", { href: `#${METHODS}`, class: "aside-link" }, "Cancel"),
    });
    card.replaceChildren(made.node);
  }

  function done(answer) {
    go(METHODS, notice("success",
      element("p", {}, element("strong", {}, "Two-factor authentication is off. "), "You are still logged in."),
      element("p", {}, `${count(numberEnded(answer.revoked), "authentication token")} revoked, this page's old one included.`)));
  }
}
