// @ts-check
// Setting an authenticator app up: the password, the QR code with its confirmation, and the recovery codes after the
// first one.

import { api } from "./api.js";
import { copyButton } from "./copy.js";
import { element, linkTo, notice } from "./dom.js";
import { explain } from "./explain.js";
import { codeField, nameField, passwordAgain, usernameFor } from "./fields.js";
import { form } from "./form.js";
import { icon } from "./icons.js";
import { cancelLink, finish, leadingBack, METHODS } from "./second-factor-pages.js";
import { durationOf } from "./times.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */
/** @typedef {import("./types.js").Enrollment} Enrollment */

const TEXT = words.enableView;
const SMALL_SCREEN = "(max-width: 36rem)";

/**
 * `request` says whose place it takes; `named` asks for a name; `news` and `rest` are said when it is done.
 * @param {import("./types.js").Context} context
 * @param {{
 *   request?: { name?: string, additional?: boolean, replaces?: string }, named?: boolean, intro?: Children,
 *   otherwise?: Children, steps: string[], submit: string, news: (name: string) => string, rest?: string,
 * }} how
 */
export function setUpApp(context, {
  request = {}, named = false, intro, otherwise, steps: labels, submit, news, rest,
}) {
  const { main, account, go } = context;
  const steps = element("ol", { class: "steps", "aria-label": TEXT.steps });
  const card = element("div", { class: "card flow" });
  main.append(steps, card);
  // An app that has scanned a code already keeps its entry, which will never work: a new start is a new secret.
  let scannedBefore = account.two_factor.status === "pending";
  askForPassword();

  /** @param {number} number @param {Children[]} content */
  function step(number, ...content) {
    steps.replaceChildren(...labels.map((label, index) => stepOf(label, index + 1, number, labels.length)));
    card.replaceChildren(element("div", { class: "flow" }, ...content));
    const first = card.querySelector("[data-first]") ?? card.querySelector("h2");
    if (first instanceof HTMLElement) first.focus();
  }

  /** @param {Children} [before] */
  function askForPassword(before = null) {
    const password = passwordAgain();
    const name = named ? nameField({ value: words.authenticators.kinds.totp }) : null;
    const made = form({
      fields: name ? [name, password] : [password], before: [before, intro, usernameFor(account.email)],
      submit: words.next,
      act: async () => {
        const more = { ...request, ...name && { name: name.value } };
        askForCode(await api.startEnrollment(password.value, more));
      },
      refused: leadingBack(go),
      secondary: cancelLink(),
    });
    step(1, made.node, otherwise && element("div", { class: "other-ways" }, element("p", {}, otherwise)));
  }

  /** @param {Enrollment} enrollment */
  function askForCode(enrollment) {
    // On a small screen the field would scroll the QR code out of sight, so there the heading above it comes first.
    const code = codeField({ hint: TEXT.codeHint, "data-first": !matchMedia(SMALL_SCREEN).matches });
    const made = form({
      fields: [code], submit,
      act: async () => {
        const answer = await api.confirmTwoFactor(code.value, enrollment.id);
        finish(context, answer, {
          news: news(answer.authenticator.name), rest, draw: (...content) => step(labels.length, ...content),
        });
      },
      refused: (problem) => {
        if (!["enrollment_expired", "no_pending_enrollment"].includes(problem.code)) return leadingBack(go)(problem);
        scannedBefore = true;
        askForPassword(notice("warning", element("p", { role: "alert" }, explain(problem))));
        return true;
      },
      secondary: element("button", { type: "button", class: "link aside-link", onclick: cancel }, words.cancel),
    });
    const warning = scannedBefore
      && notice("info", element("p", {}, TEXT.replaced(`${enrollment.issuer}: ${enrollment.account_name}`)));
    step(2, warning, whatToScan(enrollment), made.node);
  }

  async function cancel() {
    await api.cancelEnrollment().catch(() => {}); // It ends by itself in a few minutes.
    go(METHODS);
  }
}

/** Where the screen is small, of all steps the current one is shown, with its number among them.
 * @param {string} label @param {number} number @param {number} current @param {number} all */
function stepOf(label, number, current, all) {
  const done = number < current;
  return element("li", { class: done && "done", "aria-current": number === current && "step" },
    element("span", { class: "step-number" }, done ? icon("check") : String(number)),
    element("span", { class: "step-of" }, TEXT.stepOf(number, all)), label);
}

/** @param {Enrollment} enrollment */
export function whatToScan(enrollment) {
  const key = element("code", { class: "totp-secret" }, (enrollment.secret.match(/.{1,4}/g) ?? []).join(" "));
  const left = Math.max(60, Math.round((Date.parse(enrollment.expires_at) - Date.now()) / 60_000) * 60);
  return element("div", { class: "scan" },
    element("figure", { class: "qr" },
      element("img", { src: enrollment.qr_svg, alt: TEXT.qr, width: "208", height: "208" })),
    element("div", {},
      element("h2", { tabindex: "-1" }, TEXT.scan),
      element("p", {}, TEXT.anyApp, " ", TEXT.timeLeft(durationOf(left))),
      element("p", {}, TEXT.onThisDevice(linkTo(enrollment.otpauth_uri))),
      element("dl", { class: "secret" },
        element("dt", {}, TEXT.key), element("dd", {}, key, copyButton(enrollment.secret, key)))));
}
