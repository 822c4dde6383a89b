// @ts-check
// Log in: the address, then the password, then the second factor of the account. Each is a step in the history. A
// passkey does all of it at once.

import { api } from "../api.js";
import { config } from "../config.js";
import { element, linkTo, notice, stressing } from "../dom.js";
import { explain } from "../explain.js";
import { emailField, passwordField, usernameFor } from "../fields.js";
import { form } from "../form.js";
import { mustEnroll } from "../must-enroll.js";
import { Problem } from "../problem.js";
import { askForSecondFactor } from "../second-factor.js";
import { remembered } from "../session.js";
import { fromNow, momentOf } from "../times.js";
import { askForCredential, offersPasskeysInFields } from "../webauthn.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Children} Children */
/** @typedef {import("../types.js").Context} Context */
/** @typedef {{ challenge: string, credential: object }} Passkey */

const TEXT = words.logInView;
const FORGOT = "#/forgot-password";
const RENEWAL_IN_MILLISECONDS = 240_000;

export const title = () => TEXT.title;

/** @param {Context} context */
export function show(context) {
  const { main, arrive, retitle, step } = context;
  const place = element("div", { class: "card" });
  main.append(place);
  /** @type {import("../types.js").TwoFactorRequired | null} What the second step needs. */
  let second = null;
  /** @type {number | null} */
  let attemptsLeft = null;
  step.listen(at);
  at(step.current);

  /** Shows a step, as far as this page still knows what it needs. @param {import("../types.js").Step | null} wanted */
  function at(wanted) {
    if (wanted?.address) remembered.address = wanted.address;
    if (wanted?.name === "code" && second) askForSecondStep(second);
    else if (wanted && remembered.address) askForPassword();
    else askForAddress();
  }

  /** @param {string} heading @param {Children[]} content */
  function draw(heading, ...content) {
    retitle(heading);
    place.replaceChildren(element("div", { class: "flow" }, ...content));
    const first = place.querySelector("input:not([aria-hidden])") ?? place.querySelector("button[type=submit]");
    if (!(first instanceof HTMLElement)) return;
    first.setAttribute("data-first", "");
    first.focus();
  }

  function askForAddress() {
    const email = emailField({ value: remembered.address, autocomplete: "username webauthn" });
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
    if (!config.passkey_login) return draw(TEXT.title, made.node);
    /** @type {Passkey | null} What was chosen in the field. */
    let chosen = null;
    const byPasskey = form({
      fields: [], submit: TEXT.byPasskey, tone: "secondary",
      act: async () => {
        const { challenge, credential } = chosen ?? await choosePasskey();
        chosen = null;
        await api.logInByPasskey(challenge, credential);
        arrive();
      },
      reason: ({ code }) => (code === "invalid_credential" ? "invalid_passkey" : code),
      refused: () => {
        void offer();
        return false;
      },
    });
    draw(TEXT.title, made.node, element("div", { class: "other-ways" }, byPasskey.node));
    void offer();

    function offer() {
      return offerPasskeys(email.input, (passkey) => {
        chosen = passkey;
        void byPasskey.send();
      });
    }
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
        if (answer.status === "authenticated") return arrive(afterBreach(answer));
        if (answer.status === "enrollment_required") {
          return mustEnroll(context, answer.ticket, { draw, expired: askForPassword });
        }
        second = answer;
        attemptsLeft = null;
        step.push({ name: "code", address: remembered.address });
        askForSecondStep(second);
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

  /** @param {NonNullable<typeof second>} current */
  function askForSecondStep({ challenge, methods, clears_at: clearsAt }) {
    askForSecondFactor({
      methods, submit: words.logIn, before: () => [whoseAccount(), clearsAt && aboutToClear(clearsAt)],
      after: !clearsAt && element("p", {}, TEXT.lostBoth, " ", wayOut()),
      draw: (...content) => draw(TEXT.twoFactorTitle, ...content),
      refused: expired,
      byCode: async (code) => {
        const grant = await api.logInWithCode(challenge, code);
        arrive(grant.token.amr.includes("recovery_code") ? afterRecoveryCode(grant.account) : afterBreach(grant));
      },
      byKey: async () => {
        const { public_key: publicKey } = await api.secondStepOptions(challenge);
        arrive(afterBreach(await api.logInWithCredential(challenge, await askForCredential(publicKey))));
      },
    });
  }

  /** @param {Problem} problem */
  function expired(problem) {
    const last = attemptsLeft === 1;
    attemptsLeft = problem.attemptsRemaining ?? attemptsLeft;
    if (problem.code !== "challenge_expired") return false;
    second = null;
    step.replace({ name: "password", address: remembered.address });
    const reason = last ? "challenge_used_up" : problem.code;
    askForPassword(notice("warning", element("p", { role: "alert" }, explain(problem, reason))));
    return true;
  }
}

/** @param {CredentialMediationRequirement} [mediation] @returns {Promise<Passkey>} */
async function choosePasskey(mediation) {
  const { challenge, public_key: publicKey } = await api.passkeyOptions();
  return { challenge, credential: await askForCredential(publicKey, mediation) };
}

/** Lets the browser offer passkeys in the field, for as long as it is there.
 * @param {HTMLElement} field @param {(passkey: Passkey) => void} chosen */
async function offerPasskeys(field, chosen) {
  if (!field.isConnected || !await offersPasskeysInFields()) return;
  // A challenge ends before somebody has come back to this page, perhaps.
  const renewal = setTimeout(() => whenSeen(() => void offerPasskeys(field, chosen)), RENEWAL_IN_MILLISECONDS);
  try {
    const passkey = await choosePasskey("conditional");
    if (field.isConnected) chosen(passkey);
  } catch (problem) {
    // Nobody asked for it: whoever logs in otherwise needs no word about it.
    if (!(problem instanceof Problem)) throw problem;
  } finally {
    clearTimeout(renewal);
  }
}

/** A page that lies open in the background asks for nothing: an office shares one limit of requests.
 * @param {() => void} act */
function whenSeen(act) {
  if (document.hidden) document.addEventListener("visibilitychange", act, { once: true });
  else act();
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

/** @param {import("../types.js").Grant} grant */
function afterBreach({ password_breached: breached }) {
  if (!breached) return null;
  return stressing("warning", TEXT.breached, " ", TEXT.breachedRest(linkTo("#/authentication-methods/password")));
}

/** @param {import("../types.js").Account} account */
function afterRecoveryCode(account) {
  return notice("warning",
    element("p", {}, element("strong", {}, TEXT.afterRecoveryCode),
      TEXT.codesLeft(account.two_factor.recovery_codes_remaining)),
    element("p", {}, TEXT.replaceDevice(linkTo("#/authentication-methods"))));
}
