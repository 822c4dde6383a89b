// @ts-check
// The page that the link in the email leads to: a new password, and what that did to everything else.

import { api } from "../api.js";
import { config } from "../config.js";
import { element, failure, notice, skeleton, stressing } from "../dom.js";
import { explain } from "../explain.js";
import { anyCodeField, usernameFor } from "../fields.js";
import { form } from "../form.js";
import { icon } from "../icons.js";
import { toLogIn, toReset, unusable } from "../link-page.js";
import { mailedLink } from "../links.js";
import { newPasswordField } from "../new-password.js";
import { Problem } from "../problem.js";
import { remembered, session } from "../session.js";
import { momentOf } from "../times.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").ResetChecked} ResetChecked */

const TEXT = words.resetView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show(context) {
  const { main, retitle } = context;
  const card = element("div", { class: "card" });
  const secret = mailedLink.secret;
  if (!secret) return useless(mailedLink.broken ? TEXT.broken : TEXT.afterReload);
  main.append(card);
  void check(secret);

  /** Nobody should invent a password for a dead link. @param {string} token */
  async function check(token) {
    card.replaceChildren(skeleton());
    try {
      choose(token, await api.checkPasswordReset(token));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!dead(problem)) card.replaceChildren(failure(explain(problem), () => void check(token)));
    }
  }

  /** @param {string} token @param {ResetChecked} checked */
  function choose(token, checked, withCode = asksForCode(checked), chosen = "") {
    const { email } = checked;
    const password = newPasswordField(email, { value: chosen });
    const code = withCode ? anyCodeField() : null;
    const made = form({
      fields: code ? [password, code] : [password], submit: TEXT.save,
      before: [element("p", {}, TEXT.whose(element("strong", {}, email))), usernameFor(email), consequence(checked)],
      after: withCode && element("p", { class: "hint" }, TEXT.noCode(config.issuer)),
      act: async () => done(email, await api.confirmPasswordReset(token, password.value, code?.value ?? null)),
      refused: (problem) => {
        if (problem.code !== "second_factor_required" || withCode) return dead(problem);
        // It was turned on while this page was open.
        choose(token, { email, two_factor: "kept" }, true, password.value).code?.say(TEXT.codeNeeded);
        return true;
      },
    });
    card.replaceChildren(made.node);
    password.input.dispatchEvent(new Event("input"));
    password.input.focus();
    return { code };
  }

  /** @param {Problem} problem */
  function dead(problem) {
    if (problem.code !== "reset_token_invalid") return false;
    mailedLink.forget();
    card.remove();
    useless(explain(problem));
    return true;
  }

  /** @param {string} email @param {import("../types.js").ResetCompleted} answer */
  function done(email, { two_factor: twoFactor, clears_at: clearsAt, revoked }) {
    mailedLink.forget();
    remembered.address = email;
    session.end(); // Whatever this tab held died with the old password.
    retitle(TEXT.doneTitle);
    const ended = words.whatEnded(revoked);
    card.replaceChildren(element("div", { class: "flow" },
      element("div", { class: "big-picture good" }, icon("check")),
      ended && element("p", {}, words.endedElsewhere(ended)),
      twoFactor === "disabled" && stressing("warning", TEXT.nowOff, TEXT.nowOffRest),
      clearsAt && stressing("warning", TEXT.stillOn, " ", TEXT.goesOff(momentOf(clearsAt))),
      twoFactor === "kept" && notice("info", element("p", {}, TEXT.stillOn)),
      element("p", { class: "actions" }, element("a", { href: "#/login", class: "button primary" }, words.logIn))));
    main.querySelector("h1")?.focus();
  }

  /** @param {string} reason */
  function useless(reason) {
    unusable(context, reason, [toReset(TEXT.request), toLogIn("aside-link")]);
  }
}

/** After a cancelled wait it stays on without a code. @param {ResetChecked} checked */
const asksForCode = ({ two_factor: twoFactor }) =>
  twoFactor === "kept" && config.password_reset_policy === "requires_second_factor";

/** What the new password will do to two-factor authentication, before it does. @param {ResetChecked} checked */
function consequence(checked) {
  const { two_factor: twoFactor, clears_at: clearsAt } = checked;
  if (clearsAt) return notice("warning", element("p", {}, TEXT.clearing(momentOf(clearsAt))));
  const sentence = twoFactor === "kept" && !asksForCode(checked) ? TEXT.paused : TEXT.twoFactor[twoFactor];
  if (!sentence) return null;
  return notice(twoFactor === "kept" ? "info" : "warning", element("p", {}, sentence));
}
