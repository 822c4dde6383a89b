// Turning two-factor authentication on: the password, the QR code with its confirmation, the recovery codes.

import { api } from "../api.js";
import { copyButton, element, icon, notice } from "../dom.js";
import { codeField, form, passwordField, usernameFor } from "../form.js";
import { NOT_SAVED_YET, recoveryCodesPanel } from "../recovery-codes-panel.js";
import { explain, numberEnded, whatEnded } from "../words.js";

export const title = "Set up two-factor authentication";

const METHODS = "/authentication-methods";

export function show({ main, account, go, hold }) {
  const steps = element("ol", { class: "steps", "aria-label": "Steps" });
  const card = element("div", { class: "card flow" });
  main.append(steps, card);
  askForPassword();

  function step(number, ...content) {
    steps.replaceChildren(...["Your password", "Your app", "Recovery codes"].map((words, index) => element("li", {
      class: index + 1 < number ? "done" : null, "aria-current": index + 1 === number && "step",
    }, element("span", { class: "step-number" }, index + 1 < number ? icon("check") : String(index + 1)), words)));
    card.replaceChildren(...content);
    (card.querySelector("[data-first]") ?? card.querySelector("h2"))?.focus();
  }

  function askForPassword(words = null) {
    const password = passwordField({ hint: "To be sure that it is you.", "data-first": true });
    const made = form({
      fields: [password], before: [words, usernameFor(account.email)], submit: "Next",
      act: async (values) => askForConfirmation(await api.startEnrollment(values.password)),
      refused: (problem) => {
        if (problem.code !== "two_factor_already_enabled") return false;
        go(METHODS, notice("info", element("p", {}, explain(problem))));
        return true;
      },
      secondary: element("a", { href: `#${METHODS}`, class: "aside-link" }, "Cancel"),
    });
    step(1, made.node);
  }

  function askForConfirmation(enrollment) {
    // On a small screen the field would scroll the QR code out of sight, so there the heading above it comes first.
    const code = codeField({ hint: "Add the account to your app first, then enter the six digits that it shows.", "data-first": !matchMedia("(max-width: 36rem)").matches });
    const made = form({
      fields: [code], submit: "Enable",
      act: async (values) => keepCodes(await api.confirmTwoFactor(values.code)),
      refused: (problem) => {
        if (!["enrollment_expired", "no_pending_enrollment"].includes(problem.code)) return false;
        askForPassword(notice("warning", element("p", { role: "alert" }, explain(problem))));
        return true;
      },
      secondary: element("button", { type: "button", class: "link aside-link", onclick: cancel }, "Cancel"),
    });
    step(2,
      element("div", { class: "scan" },
        element("figure", { class: "qr" }, element("img", { src: enrollment.qr_svg, alt: "QR code for your authenticator app", width: "208", height: "208" })),
        element("div", {},
          element("h2", { tabindex: "-1" }, "Scan this with your authenticator app"),
          element("p", {}, "Any app for one-time codes will do: Aegis, 1Password, Google Authenticator, Microsoft Authenticator and many more."),
          element("p", {}, "App on this device? ", element("a", { href: enrollment.otpauth_uri }, "Open it there"), ". Or type the secret:"),
          secret(enrollment))),
      made.node);
  }

  async function cancel() {
    await api.cancelEnrollment().catch(() => {}); // It ends by itself in a few minutes.
    go(METHODS);
  }

  function keepCodes(answer) {
    hold(NOT_SAVED_YET);
    const ended = numberEnded(answer.revoked) - 1; // The session that confirmed is among them; this page holds its successor.
    const saved = () => {
      hold(null);
      go(METHODS, notice("success", element("p", {}, element("strong", {}, "Two-factor authentication is on. "),
        ended > 0 ? `Everything else that was logged in has been logged out: ${whatEnded({ ...answer.revoked, sessions: answer.revoked.sessions - 1 })}.` : "From now on, logging in asks for a code.")));
    };
    step(3, element("h2", { tabindex: "-1" }, "Save your recovery codes"),
      element("p", {}, "Two-factor authentication is on. If you ever lose your device, each of these codes logs you in once in its place."),
      ...recoveryCodesPanel({ codes: answer.recovery_codes, account, saved }));
  }
}

function secret(enrollment) {
  return element("dl", { class: "secret" },
    element("dt", {}, "TOTP secret"),
    element("dd", {}, element("code", { class: "totp-secret" }, enrollment.secret.match(/.{1,4}/g).join(" ")), copyButton("Copy", enrollment.secret)));
}
