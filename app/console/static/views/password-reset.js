// The page that the link in the mail leads to: a new password, and what that did to everything else.

import { api } from "../api.js";
import { element, icon, notice } from "../dom.js";
import { form, recoveryCodeField } from "../form.js";
import { newPasswordField } from "../new-password.js";
import { resetToken } from "../reset-token.js";
import { session } from "../session.js";
import { numberEnded, whatEnded } from "../words.js";

export const title = "Choose a new password";

export function show({ main, retitle }) {
  const card = element("div", { class: "card" });
  main.append(card);
  if (resetToken.value) choose();
  else unusable("The link is only good in the window that it was opened in, and not after a reload. Open it from the mail again, or ask for a new one.");

  function choose(withCode = false) {
    const password = newPasswordField();
    const code = withCode ? anyCodeField() : null;
    const made = form({
      fields: [password, code].filter(Boolean), submit: "Save the new password",
      act: async (values) => done(await api.confirmPasswordReset(resetToken.value, values.new_password, values.code)),
      refused: (problem) => {
        if (problem.code === "reset_token_invalid") {
          resetToken.forget();
          unusable("This link is no longer valid. It works once, for a short time. Ask for a new one.");
          return true;
        }
        if (problem.code === "second_factor_required" && !withCode) {
          askForCodeAsWell(password.value);
          return true;
        }
        return false;
      },
    });
    card.replaceChildren(made.node);
    password.input.setAttribute("data-first", "");
    return { password, code };
  }

  // Some services keep two-factor authentication through a reset, and ask for it here.
  function askForCodeAsWell(chosen) {
    const { password, code } = choose(true);
    password.input.value = chosen;
    password.input.dispatchEvent(new Event("input"));
    code.say("This account needs its second factor as well: a code from your app, or a recovery code.");
  }

  function done(answer) {
    resetToken.forget();
    session.end(); // Whatever this tab held died with the old password.
    retitle("Your password is changed");
    const ended = numberEnded(answer.revoked) ? `Everything that was logged in to your account has been logged out: ${whatEnded(answer.revoked)} ended.` : "Nothing else was logged in to your account.";
    const twoFactor = {
      disabled: notice("warning", element("p", {}, element("strong", {}, "Two-factor authentication is off now. "), "Log in, then turn it on again with your new device.")),
      kept: notice("info", element("p", {}, "Two-factor authentication is still on: have your code ready when you log in.")),
      not_enabled: null,
    }[answer.two_factor];
    card.replaceChildren(...[
      element("div", { class: "big-picture good" }, icon("check")),
      element("p", {}, ended), twoFactor,
      element("p", { class: "actions" }, element("a", { href: "#/login", class: "button primary" }, "Log in")),
    ].filter(Boolean));
    main.querySelector("h1").focus();
  }

  function unusable(words) {
    retitle("This link can't be used");
    card.replaceChildren(notice("warning", element("p", {}, words)),
      element("p", { class: "actions" }, element("a", { href: "#/forgot-password", class: "button primary" }, "Send a new link"),
        element("a", { href: "#/login", class: "aside-link" }, "Back to log in")));
    main.querySelector("h1").focus();
  }
}

function anyCodeField() {
  const made = recoveryCodeField({
    label: "Code from your app, or a recovery code", autocomplete: "one-time-code", "data-asks-for": "a code",
    check: (value) => (/^([0-9]{6}|[A-Z2-7]{24})$/i.test(value.replace(/[\s-]/g, "")) ? null : "Enter the six digits, or a recovery code of 24 letters and digits."),
  });
  return made;
}
