// @ts-check
// Authentication methods: the password, two-factor authentication on top of it, and what proves it.

import { authenticatorList } from "../authenticator-list.js";
import { badge, element } from "../dom.js";
import { icon } from "../icons.js";
import { dateOf, fromNow } from "../times.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Children} Children */

const TEXT = words.methodsView;
const FEW_CODES = 4;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show({ main, account, go }) {
  const twoFactor = account.two_factor;
  const on = twoFactor.status === "enabled";
  main.append(element("section", { class: "card" },
    method({
      picture: "lock", heading: element("h2", {}, TEXT.password), hint: TEXT.passwordHint(account.email),
      act: linkButton(TEXT.changePassword, "#/authentication-methods/password"),
    }),
    method({
      picture: "shield", heading: element("h3", { id: "two-factor" }, TEXT.twoFactor), hintId: "two-factor-words",
      hint: on ? [badge("good", TEXT.on), onSince(twoFactor)] : [badge("plain", TEXT.off), TEXT.offHint],
      act: toggle(on, () => go(`/authentication-methods/${on ? "disable" : "enable"}`)),
    }),
    twoFactor.status === "pending" && element("p", { class: "inner-note hint" }, TEXT.unfinished),
    on && method({
      picture: "key", heading: element("h3", {}, TEXT.recoveryCodes),
      hint: remaining(twoFactor.recovery_codes_remaining),
      act: linkButton(TEXT.newCodes, "#/authentication-methods/recovery-codes"),
    })),
  authenticatorList(on));
}

/** @param {{ picture: string, heading: Node, hint: Children, hintId?: string, act: Node }} parts */
function method({ picture, heading, hint, hintId, act }) {
  return element("div", { class: "method" },
    element("span", { class: "method-picture" }, icon(picture)),
    element("div", { class: "method-words" }, heading, element("p", { class: "hint", id: hintId }, hint)),
    act);
}

/** @param {string} label @param {string} href */
const linkButton = (label, href) => element("a", { class: "button secondary", href }, label);

/** @param {boolean} on @param {() => void} act */
function toggle(on, act) {
  return element("button", {
    type: "button", role: "switch", class: "switch", "aria-checked": String(on), "aria-labelledby": "two-factor",
    "aria-describedby": "two-factor-words", onclick: act,
  }, element("span", { class: "switch-knob" }));
}

/** @param {import("../types.js").TwoFactor} twoFactor */
function onSince({ enabled_at, last_used_at }) {
  return TEXT.onSince(dateOf(enabled_at ?? ""), last_used_at && fromNow(last_used_at));
}

/** @param {number} number */
function remaining(number) {
  return [number < FEW_CODES && [badge("warn", TEXT.runningLow), " "], TEXT.codesLeft(number)];
}
