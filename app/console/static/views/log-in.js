// @ts-check
// Log in: the address, then the password, then a code when the account asks for one. Each is a step in the history.

import { api } from "../api.js";
import { config } from "../config.js";
import { isRecoveryCode } from "../codes.js";
import { element, linkTo, notice, stressing } from "../dom.js";
import { explain } from "../explain.js";
import { codeField, emailField, passwordField, recoveryCodeField, usernameFor } from "../fields.js";
import { form } from "../form.js";
import { Problem } from "../problem.js";
import { remembered } from "../session.js";
import { fromNow, momentOf } from "../times.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Children} Children */
/** @typedef {import("../types.js").Context} Context */
/** @typedef {import("../types.js").Field} Field */

const TEXT = words.logInView;
const FORGOT = "#/forgot-password";

export const title = TEXT.title;

/** @param {Context} context */
export function show({ main, arrive, retitle, step }) {
  const place = element("div", { class: "card" });
  main.append(place);
  /** @type {string | null} */
  let challenge = null;
  /** @type {string | null} When a password reset turns two-factor authentication off. */
  let clearsAt = null;
  /** @type {number | null} */
  let attemptsLeft = null;
  step.listen(at);
  at(step.current);

  /** Shows a step, as far as this page still knows what it needs. @param {import("../types.js").Step | null} wanted */
  function at(wanted) {
    if (wanted?.address) remembered.address = wanted.address;
    if (wanted?.name === "code" && challenge) askForAppCode(challenge);
    else if (wanted && remembered.address) askForPassword();
    else askForAddress();
  }

  /** @param {string} heading @param {Children[]} content */
  function draw(heading, ...content) {
    retitle(heading);
    place.replaceChildren(element("div", { class: "flow" }, ...content));
    const first = place.querySelector("input:not([aria-hidden])");
    if (!(first instanceof HTMLElement)) return;
    first.setAttribute("data-first", "");
    first.focus();
  }

  function askForAddress() {
    const email = emailField({ value: remembered.address });
    // Somebody who leaves for "Forgot password?" has typed it already.
    email.input.addEventListener("input", () => { remembered.address = email.value; });
    const made = form({
      fields: [email], submit: words.next,
      act: () => {
        remembered.address = email.value;
        step.push({ name: "password", address: email.value });
        askForPassword();
      },
      secondary: forgot(),
    });
    draw(TEXT.title, made.node);
  }

  /** @param {Children} [before] */
  function askForPassword(before = null) {
    const password = passwordField();
    const made = form({
      fields: [password], submit: words.logIn,
      before: [before, whoseAccount(), usernameFor(remembered.address)],
      act: async () => {
        main.querySelector(".parting")?.remove();
        const answer = await api.logIn(remembered.address, password.value);
        if (answer.status === "authenticated") return arrive();
        challenge = answer.challenge;
        clearsAt = answer.clears_at ?? null;
        attemptsLeft = null;
        step.push({ name: "code", address: remembered.address });
        askForAppCode(challenge);
      },
      secondary: forgot(),
    });
    draw(TEXT.title, made.node);
  }

  function whoseAccount() {
    return element("p", { class: "whose" },
      element("span", { class: "whose-address" }, remembered.address),
      element("button", { type: "button", class: "link", onclick: change }, TEXT.change));
  }

  function change() {
    step.replace(null);
    askForAddress();
  }

  /** @param {string} current */
  function askForAppCode(current) {
    const code = codeField({
      hint: TEXT.codeHint(config.issuer),
      otherwise: (recoveryCode) => askForRecoveryCode(current, recoveryCode),
    });
    askWith(current, code, TEXT.useRecoveryCode, () => askForRecoveryCode(current));
  }

  /** @param {string} current */
  function askForRecoveryCode(current, value = "") {
    askWith(current, recoveryCodeField({ hint: TEXT.recoveryHint, value }), TEXT.useAppCode,
      () => askForAppCode(current));
  }

  /** @param {string} current @param {Field} code @param {string} other @param {() => void} useOther */
  function askWith(current, code, other, useOther) {
    const made = form({
      fields: [code], before: [whoseAccount(), clearsAt && aboutToClear(clearsAt)], submit: words.logIn,
      act: async () => {
        const grant = await api.logInWithCode(current, code.value);
        arrive(grant.token.amr.includes("recovery_code") ? afterRecoveryCode(grant.account) : null);
      },
      reason: (problem) => {
        attemptsLeft = problem.attemptsRemaining ?? attemptsLeft;
        if (problem.code === "too_many_attempts") return "too_many_codes";
        const wrongRecoveryCode = problem.code === "invalid_code" && isRecoveryCode(code.value);
        return wrongRecoveryCode ? "invalid_recovery_code" : problem.code;
      },
      refused: expired,
    });
    draw(TEXT.twoFactorTitle, made.node, element("div", { class: "other-ways" },
      element("p", {}, element("button", { type: "button", class: "link", onclick: useOther }, other)),
      clearsAt ? null : element("p", {}, TEXT.lostBoth, " ", wayOut())));
  }

  /** @param {Problem} problem */
  function expired(problem) {
    if (problem.code !== "challenge_expired") return false;
    challenge = null;
    step.replace({ name: "password", address: remembered.address });
    const reason = attemptsLeft === 1 ? "challenge_used_up" : problem.code;
    askForPassword(notice("warning", element("p", { role: "alert" }, explain(problem, reason))));
    return true;
  }
}

const forgot = () => element("a", { href: FORGOT, class: "aside-link" }, TEXT.forgot);

/** A reset waits to turn two-factor authentication off, and any code keeps it on. @param {string} clearsAt */
function aboutToClear(clearsAt) {
  return stressing("warning", TEXT.clears(fromNow(clearsAt), momentOf(clearsAt)), TEXT.clearsRest);
}

/** What is left to somebody who has neither: by the operator's policy the mailbox, or the operator. */
function wayOut() {
  if (config.password_reset_policy === "requires_second_factor") return TEXT.lostBothAsk(config.issuer);
  return [linkTo(FORGOT)(TEXT.lostBothReset), "."];
}

/** @param {import("../types.js").Account} account */
function afterRecoveryCode(account) {
  return notice("warning",
    element("p", {}, element("strong", {}, TEXT.afterRecoveryCode),
      TEXT.codesLeft(account.two_factor.recovery_codes_remaining)),
    element("p", {}, TEXT.replaceDevice(linkTo("#/authentication-methods"))));
}
