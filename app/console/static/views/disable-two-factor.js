// @ts-check
// Turning two-factor authentication off: the password, the warning, the act, and still logged in.

import { api } from "../api.js";
import { config } from "../config.js";
import { element, notice, stressing } from "../dom.js";
import { others } from "../events.js";
import { anyCodeField, passwordAgain, usernameFor } from "../fields.js";
import { form } from "../form.js";
import { Problem } from "../problem.js";
import { proveAgain } from "../reauthentication.js";
import { cancelLink, leadingBack, leadsBack, METHODS } from "../second-factor-pages.js";
import { words } from "../words.js";

const TEXT = words.disableView;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show(context) {
  const { main, account, go } = context;
  if (leadsBack(context, true)) return;
  // Where the operator wants a proof, a code comes along; somebody with a key proves it in a dialog, by either.
  const byCode = config.disable_requires_code && !account.two_factor.methods.includes("webauthn");
  const howMany = element("p");
  void count();
  const made = form({
    fields: [passwordAgain(), ...(byCode ? [anyCodeField()] : [])],
    submit: TEXT.act, tone: "danger",
    before: usernameFor(account.email),
    after: notice("warning",
      element("p", {}, element("strong", {}, TEXT.revoked), TEXT.revokedRest),
      howMany,
      element("p", {}, TEXT.codes)),
    act: async (values) => {
      const { revoked } = await turnOff(values.password ?? "", values.code);
      const ended = words.alsoEnded(others(revoked));
      go(METHODS, stressing("success", TEXT.done, TEXT.doneRest, ended), { replace: true });
    },
    refused: leadingBack(go),
    secondary: cancelLink(),
  });
  main.append(element("div", { class: "card flow" }, made.node));

  /** The warning holds without the numbers as well. */
  async function count() {
    const { counts } = await api.tokens("session").catch(() => ({ counts: undefined }));
    howMany.textContent = TEXT.rightNow(words.whatEnded(others(counts)));
  }

  /** @param {string} password @param {string} [code] */
  async function turnOff(password, code) {
    try {
      return await api.disableTwoFactor(password, code);
    } catch (problem) {
      if (byCode || !asksForCode(problem) || !await proveAgain(problem)) throw problem;
      return api.disableTwoFactor(password);
    }
  }
}

/** @param {unknown} problem @returns {problem is Problem} */
function asksForCode(problem) {
  return problem instanceof Problem && problem.errors.some(({ pointer }) => pointer === "/code");
}
