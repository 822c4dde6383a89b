// Log in: the address, then the password, then a code when the account asks for one.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { codeField, emailField, form, passwordField, recoveryCodeField } from "../form.js";
import { count } from "../words.js";

export const title = "Log in";

// Kept while this page is open, so that somebody who comes back to the form does not type it again.
let address = "";

export function show({ main, go, retitle }) {
  const place = element("div", { class: "card" });
  main.append(place);
  askForAddress();

  function step(heading, ...content) {
    retitle(heading);
    place.replaceChildren(...content);
    place.querySelector("input:not([aria-hidden]):not([readonly])").focus();
  }

  function askForAddress(words = null) {
    const email = emailField({ value: address });
    const made = form({
      fields: [email], before: words, submit: "Next",
      act: (values) => { address = values.email.trim(); askForPassword(); },
    });
    step("Log in", made.node);
    email.input.setAttribute("data-first", "");
  }

  function askForPassword(words = null) {
    const password = passwordField();
    const made = form({
      fields: [password], before: [words, whoseAccount()], submit: "Log in",
      act: async (values) => {
        main.querySelector(".parting")?.remove();
        const answer = await api.logIn(address, values.password);
        if (answer.status === "two_factor_required") askForCode(answer.challenge);
        else go("/user-information");
      },
      secondary: element("a", { href: "#/forgot-password", class: "aside-link" }, "Forgot password?"),
    });
    step("Log in", made.node);
  }

  // Also what a password manager reads the address from.
  function whoseAccount() {
    return element("div", { class: "whose" },
      element("input", { type: "email", class: "whose-address", value: address, readonly: true, autocomplete: "username", "aria-label": "Email address" }),
      element("button", { type: "button", class: "link", onclick: () => askForAddress() }, "Change"));
  }

  function askForCode(challenge) {
    const code = codeField({ label: "Confirmation code", hint: "Open your authenticator app and enter the six digits it shows for Twokeys." });
    askWith(challenge, code, element("button", { type: "button", class: "link", onclick: () => askForRecoveryCode(challenge) }, "use a recovery code instead"));
  }

  function askForRecoveryCode(challenge) {
    const code = recoveryCodeField({ hint: "One of the ten codes you saved when you turned two-factor authentication on. Each works once." });
    askWith(challenge, code, element("button", { type: "button", class: "link", onclick: () => askForCode(challenge) }, "use a code from the app instead"));
  }

  function askWith(challenge, code, other) {
    const made = form({
      fields: [code], submit: "Log in",
      act: async (values) => {
        const grant = await api.logInWithCode(challenge, values.code);
        go("/user-information", grant.token.amr.includes("recovery_code") ? afterRecoveryCode(grant.account) : null);
      },
      refused: (problem) => {
        if (problem.code !== "challenge_expired") return false;
        askForPassword(notice("warning", element("p", { role: "alert" }, "This log-in took too long, or had too many wrong codes. Enter your password again.")));
        return true;
      },
    });
    step("Two-factor authentication", made.node, element("div", { class: "other-ways" },
      element("p", {}, "Or ", other, "."),
      element("p", {}, "Lost both your device and your recovery codes? ", element("a", { href: "#/forgot-password" }, "Reset your password"), ".")));
  }
}

function afterRecoveryCode(account) {
  return notice("warning",
    element("p", {}, element("strong", {}, "You logged in with a recovery code. "), `${count(account.two_factor.recovery_codes_remaining, "recovery code")} left.`),
    element("p", {}, "If your device is lost, turn two-factor authentication off and on again with a new one under ",
      element("a", { href: "#/authentication-methods" }, "Authentication methods"), "."));
}
