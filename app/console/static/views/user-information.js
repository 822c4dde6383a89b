// @ts-check
// User information: who one is here, and how one is logged in.

import { api } from "../api.js";
import { badge, element, notice } from "../dom.js";
import { form } from "../form.js";
import { languagePicker } from "../language-picker.js";
import { dateOf } from "../times.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Children} Children */

const TEXT = words.userView;
const FEW_CODES = 4;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show({ main, account, go }) {
  const { enabled_at: since, recovery_codes_remaining: codes, status } = account.two_factor;
  const on = status === "enabled";
  main.append(
    element("section", { class: "card", "aria-label": TEXT.account },
      element("dl", { class: "facts" },
        fact(words.form.email, account.email, " ",
          element("a", { href: "#/user-information/email" }, TEXT.change)),
        account.pending_email && pending(account.pending_email, go),
        fact(TEXT.memberSince, dateOf(account.created_at)),
        fact(TEXT.language, languagePicker(account,
          () => go("/user-information", notice("success", element("p", {}, TEXT.languageSaved)), { replace: true }))),
        fact(TEXT.status, account.status === "active" ? badge("good", TEXT.active) : badge("bad", TEXT.disabled)),
        fact(TEXT.twoFactor, on ? badge("good", TEXT.on) : badge("plain", TEXT.off),
          on && since && element("span", { class: "hint" }, TEXT.since(dateOf(since)))),
        on && fact(TEXT.recoveryCodes, TEXT.codesLeft(codes)),
        fact(TEXT.id, element("code", {}, account.id)))));
  const next = nextStep(on, codes);
  if (next) main.append(next);
}

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
