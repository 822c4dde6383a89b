// @ts-check
// One security event in words, with a picture and a tone.

import { words } from "./words.js";

/** @typedef {import("./types.js").Event} Event */
/** @typedef {import("./types.js").Revoked} Revoked */

/** [picture, tone]: the tone says whether somebody should look twice. @type {Record<string, [string, string]>} */
const LOOKS = {
  "login.succeeded": ["check", "good"],
  "login.failed": ["warning", "odd"],
  "two_factor.enrollment_started": ["shield", "plain"],
  "two_factor.enrollment_cancelled": ["shield", "plain"],
  "two_factor.enabled": ["shield", "good"],
  "two_factor.disabled": ["shield", "odd"],
  "two_factor.reset": ["shield", "odd"],
  "two_factor.clearing_started": ["shield", "odd"],
  "two_factor.clearing_cancelled": ["shield", "good"],
  "two_factor.cleared": ["shield", "odd"],
  "two_factor.code_refused": ["warning", "odd"],
  "two_factor.credential_refused": ["warning", "odd"],
  "authenticator.added": ["shield", "good"],
  "authenticator.replaced": ["shield", "plain"],
  "authenticator.removed": ["shield", "odd"],
  "authenticator.renamed": ["shield", "plain"],
  "authenticator.clone_suspected": ["stop", "odd"],
  "recovery_code.used": ["key", "odd"],
  "recovery_codes.replaced": ["key", "plain"],
  "password.refused": ["warning", "odd"],
  "password.changed": ["lock", "plain"],
  "password.upgraded": ["lock", "plain"],
  "password_reset.requested": ["mail", "odd"],
  "password_reset.completed": ["lock", "odd"],
  "email.change_requested": ["mail", "odd"],
  "email.change_cancelled": ["mail", "plain"],
  "email.changed": ["mail", "odd"],
  "email.change_undone": ["mail", "odd"],
  "token.created": ["key", "plain"],
  "token.renamed": ["key", "plain"],
  "token.revoked": ["key", "plain"],
  "tokens.revoked": ["key", "plain"],
  "account.created": ["person", "plain"],
  "account.updated": ["person", "plain"],
  "account.policy_changed": ["shield", "odd"],
  "account.disabled": ["stop", "odd"],
  "account.enabled": ["person", "good"],
  "account.unlocked": ["person", "good"],
  "account.deleted": ["stop", "odd"],
};

const LOG_INS = new Set(["login.succeeded", "recovery_code.used"]);
const REFUSED = new Set([
  "login.failed", "two_factor.code_refused", "two_factor.credential_refused", "authenticator.clone_suspected",
  "password.refused",
]);

/** What somebody looks for among many. @param {Event} event @returns {"logIns" | "refused" | "changes"} */
export function kindOfEvent({ type, details }) {
  if (REFUSED.has(type)) return "refused";
  return LOG_INS.has(type) || details.reason === "logout" ? "logIns" : "changes";
}

/** Changes that replace the session that makes them: it is counted among what they ended, and nobody was logged out. */
const REPLACING = new Set([
  "two_factor.enabled", "two_factor.disabled", "authenticator.replaced", "authenticator.removed", "password.changed",
]);

/** @param {Event} event */
export function eventInWords({ type, details }) {
  const [picture, tone] = Object.hasOwn(LOOKS, type) ? LOOKS[type] ?? ["info", "plain"] : ["info", "plain"];
  const say = Object.hasOwn(words.events, type) ? words.events[type] : undefined;
  const replaced = REPLACING.has(type) && !details.client_id && !/reset/.test(details.reason ?? "");
  const revoked = replaced ? others(details.revoked) : details.revoked;
  const ended = revoked && words.whatEnded(revoked) ? words.activityView.ended(revoked) : null;
  return { picture, tone, words: say?.(details) ?? type, ended };
}

/** What ended besides the session that this page replaced with a new one. @param {Revoked | undefined} revoked */
export function others(revoked) {
  return { sessions: Math.max(0, (revoked?.sessions ?? 0) - 1), personal_tokens: revoked?.personal_tokens ?? 0 };
}
