// @ts-check
// User information: who one is here, and how one is logged in.

import { api } from "../api.js";
import { badge, element, notice } from "../dom.js";
import { form } from "../form.js";
import { languagePicker } from "../language-picker.js";
import { dateOf, fromNow } from "../times.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Children} Children */

const TEXT = words.userView;
const FEW_CODES = 4;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show({ main, account, go }) {
  const { recovery_codes_remaining: codes, status } = account.two_factor;
  const on = status === "enabled";
  main.append(
    element("section", { class: "card", "aria-label": TEXT.account },
      element("dl", { class: "facts" },
        fact(words.form.email, account.email, act(TEXT.change, "#/user-information/email")),
        account.pending_email && pending(account.pending_email, go),
        fact(TEXT.memberSince, dateOf(account.created_at)),
        fact(TEXT.language, languagePicker(account,
          () => go("/user-information", notice("success", element("p", {}, TEXT.languageSaved)), { replace: true }))),
        fact(TEXT.id, element("code", {}, account.id)))),
    element("section", { class: "card flow" },
      element("h2", {}, TEXT.security),
      element("dl", { class: "facts" }, twoFactor(account.two_factor), on && recoveryCodes(codes), access())));
  const next = nextStep(on, codes);
  if (next) main.append(next);
}

/** @param {import("../types.js").TwoFactor} state */
function twoFactor({ status, enabled_at: since, last_used_at: used }) {
  if (status !== "enabled") return fact(TEXT.twoFactor, badge("plain", TEXT.off));
  return fact(TEXT.twoFactor, badge("good", TEXT.on),
    since && element("span", { class: "hint" }, TEXT.since(dateOf(since), used && fromNow(used))),
    act(TEXT.manage, "#/authentication-methods"));
}

/** @param {number} codes */
const recoveryCodes = (codes) =>
  fact(TEXT.recoveryCodes, TEXT.codesLeft(codes), act(TEXT.renew, "#/authentication-methods/recovery-codes"));

/** How many have access right now; the number comes a moment later, or not at all. */
function access() {
  const number = element("span");
  void api.tokens("session").then(({ counts }) => { number.textContent = words.whatEnded(counts); }, () => {});
  return fact(TEXT.access, number, act(TEXT.see, "#/authentication-tokens"));
}

/** @param {string} label @param {string} href */
const act = (label, href) => element("a", { class: "fact-act", href }, label);

/** An address that waits for its mailbox. @param {string} address @param {import("../types.js").Context["go"]} go */
function pending(address, go) {
  const made = form({
    fields: [], submit: TEXT.cancelChange, tone: "link",
    act: async () => {
      await api.cancelEmailChange();
      go("/user-information", notice("info", element("p", {}, TEXT.changeCancelled)));
    },
  });
  return fact(TEXT.pending, address, element("span", { class: "hint" }, TEXT.pendingHint), made.node);
}

/** @param {string} term @param {Children[]} description */
function fact(term, ...description) {
  return element("div", {}, element("dt", {}, term), element("dd", {}, description));
}

/** @param {boolean} on @param {number} codes */
function nextStep(on, codes) {
  if (!on) {
    return suggestion(TEXT.protect, TEXT.protectWhy, TEXT.protectAct, "#/authentication-methods/enable");
  }
  if (codes >= FEW_CODES) return null;
  return suggestion(TEXT.runningOut, TEXT.runningOutWhy(codes), TEXT.runningOutAct,
    "#/authentication-methods/recovery-codes");
}

/** @param {string} heading @param {string} why @param {string} act @param {string} href */
function suggestion(heading, why, act, href) {
  return element("section", { class: "card suggestion" },
    element("div", {}, element("h2", {}, heading), element("p", {}, why)),
    element("a", { class: "button primary", href }, act));
}
