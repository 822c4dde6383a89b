// @ts-check
// What the pages under "Authentication methods" have in common: where they lead back to, what they do when the account
// is not as they take it to be, and how a new authenticator ends them.

import { element, notice, stressing } from "./dom.js";
import { others } from "./events.js";
import { explain } from "./explain.js";
import { Problem } from "./problem.js";
import { recoveryCodesPanel } from "./recovery-codes-panel.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */
/** @typedef {import("./types.js").Context} Context */

export const METHODS = "/authentication-methods";

export const cancelLink = () => element("a", { href: `#${METHODS}`, class: "aside-link" }, words.cancel);

/** Leads back when two-factor authentication is not `on` as the page needs it. @param {Context} context
 * @param {boolean} on */
export function leadsBack({ account, go }, on) {
  if ((account.two_factor.status === "enabled") === on) return false;
  backWith(go, new Problem(on ? "two_factor_not_enabled" : "two_factor_already_enabled"));
  return true;
}

/** The same where only the server knew, perhaps because of another window. @param {Context["go"]} go
 * @returns {(problem: Problem) => boolean} */
export const leadingBack = (go) => (problem) => {
  if (!["two_factor_not_enabled", "two_factor_already_enabled"].includes(problem.code)) return false;
  backWith(go, problem);
  return true;
};

/** @param {Context["go"]} go @param {Problem} problem */
function backWith(go, problem) {
  go(METHODS, notice("info", element("p", {}, explain(problem))), { replace: true });
}

/**
 * Leads back with the news; after the first authenticator by way of the recovery codes.
 * @param {Context} context @param {import("./types.js").Confirmed} answer
 * @param {{ news: string, rest?: string, draw: (...content: Children[]) => void }} how
 */
export function finish({ account, main, go, hold, retitle }, answer, { news, rest = "", draw }) {
  const { recovery_codes: codes } = answer;
  const ended = others(answer.revoked);
  const back = () => {
    hold(null);
    go(METHODS, stressing("success", news, words.whatEnded(ended) ? words.alsoEnded(ended) : rest), { replace: true });
  };
  if (codes.length === 0) return back();
  hold(words.codesPanel.notSaved);
  retitle(words.enableView.codesTitle);
  draw(element("p", {}, words.enableView.codesIntro),
    recoveryCodesPanel({ codes, email: account.email, saved: back }));
  main.querySelector("h1")?.focus();
}
