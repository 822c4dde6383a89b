// @ts-check
// Turning two-factor authentication on: the password, the QR code with its confirmation, the recovery codes.

import { api } from "../api.js";
import { copyButton } from "../copy.js";
import { element, linkTo, notice, stressing } from "../dom.js";
import { others } from "../events.js";
import { explain } from "../explain.js";
import { codeField, passwordAgain, usernameFor } from "../fields.js";
import { form } from "../form.js";
import { icon } from "../icons.js";
import { recoveryCodesPanel } from "../recovery-codes-panel.js";
import { cancelLink, leadingBack, leadsBack, METHODS } from "../second-factor-pages.js";
import { durationOf } from "../times.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Children} Children */
/** @typedef {import("../types.js").Enrollment} Enrollment */

const TEXT = words.enableView;
const SMALL_SCREEN = "(max-width: 36rem)";

export const title = TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show(context) {
  const { main, account, go, hold, retitle } = context;
  if (leadsBack(context, false)) return;
  const steps = element("ol", { class: "steps", "aria-label": TEXT.steps });
  const card = element("div", { class: "card flow" });
  main.append(steps, card);
  // An app that has scanned a code already keeps its entry, which will never work: a new start is a new secret.
  let scannedBefore = account.two_factor.status === "pending";
  askForPassword();

  /** @param {number} number @param {Children[]} content */
  function step(number, ...content) {
    steps.replaceChildren(...TEXT.step.map((label, index) => stepOf(label, index + 1, number)));
    card.replaceChildren(element("div", { class: "flow" }, ...content));
    const first = card.querySelector("[data-first]") ?? card.querySelector("h2");
    if (first instanceof HTMLElement) first.focus();
  }

  /** @param {Children} [before] */
  function askForPassword(before = null) {
    const made = form({
      fields: [passwordAgain()], before: [before, usernameFor(account.email)], submit: words.next,
      act: async (values) => askForCode(await api.startEnrollment(values.password ?? "")),
      refused: leadingBack(go),
      secondary: cancelLink(),
    });
    step(1, made.node);
  }

  /** @param {Enrollment} enrollment */
  function askForCode(enrollment) {
    // On a small screen the field would scroll the QR code out of sight, so there the heading above it comes first.
    const code = codeField({ hint: TEXT.codeHint, "data-first": !matchMedia(SMALL_SCREEN).matches });
    const made = form({
      fields: [code], submit: TEXT.enable,
      act: async (values) => keepCodes(await api.confirmTwoFactor(values.code ?? "", enrollment.id)),
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

  /** @param {import("../types.js").Confirmed} answer */
  function keepCodes({ recovery_codes: codes, revoked }) {
    hold(words.codesPanel.notSaved);
    retitle(TEXT.codesTitle);
    const ended = others(revoked);
    const saved = () => {
      hold(null);
      const rest = words.whatEnded(ended) ? words.alsoEnded(ended) : TEXT.fromNowOn;
      go(METHODS, stressing("success", TEXT.done, rest), { replace: true });
    };
    step(3, element("p", {}, TEXT.codesIntro), recoveryCodesPanel({ codes, email: account.email, saved }));
    main.querySelector("h1")?.focus();
  }
}

/** @param {string} label @param {number} number @param {number} current */
function stepOf(label, number, current) {
  const done = number < current;
  return element("li", { class: done && "done", "aria-current": number === current && "step" },
    element("span", { class: "step-number" }, done ? icon("check") : String(number)), label);
}

/** @param {Enrollment} enrollment */
function whatToScan(enrollment) {
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
