// @ts-check
// Two-factor authentication by policy: a banner with the date while there is time, and afterwards, at log-in, the page
// where it is set up before anything else. The ticket of that log-in stays in the memory of this page.

import { whatToScan } from "./app-setup.js";
import { api } from "./api.js";
import { element, linkTo, notice } from "./dom.js";
import { explain } from "./explain.js";
import { codeField } from "./fields.js";
import { form } from "./form.js";
import { recoveryCodesPanel } from "./recovery-codes-panel.js";
import { remembered } from "./session.js";
import { momentOf } from "./times.js";
import { createCredential } from "./webauthn.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */
/** @typedef {import("./types.js").Confirmed} Confirmed */
/** @typedef {import("./types.js").Enrollment} Enrollment */

const TEXT = words.mustEnroll;

/** Null where nothing is due. @param {import("./types.js").Account | null} account */
export function policyBanner(account) {
  const state = account?.two_factor;
  if (!state?.required || state.status === "enabled") return null;
  const when = state.required_from ? TEXT.until(momentOf(state.required_from)) : TEXT.soon;
  return notice("warning", element("p", {}, when, " ",
    linkTo("#/authentication-methods/enable")(TEXT.setUp), "."));
}

/**
 * Shows the page in place of the log-in. `draw` puts content under a heading, `expired` goes back to the password.
 * @param {import("./types.js").Context} context @param {string} ticket
 * @param {{ draw: (heading: string, ...content: Children[]) => void, expired: (before: Children) => void }} place
 */
export function mustEnroll({ arrive, hold }, ticket, { draw, expired }) {
  choose();

  /** @param {Children} [before] */
  function choose(before = null) {
    draw(TEXT.title, before, element("p", {}, TEXT.why),
      form({
        fields: [], submit: TEXT.app,
        act: async () => askForCode(await api.startEnrollmentByTicket(ticket)), refused,
      }).node,
      element("div", { class: "other-ways" }, keyForm(TEXT.key, false), keyForm(TEXT.passkey, true)));
  }

  /** @param {string} submit @param {boolean} passkey */
  function keyForm(submit, passkey) {
    return form({
      fields: [], submit, tone: "secondary", refused,
      act: async () => {
        const { registration, public_key: publicKey } = await api.startRegistrationByTicket(ticket, passkey);
        done(await api.registerByTicket(ticket, registration, await createCredential(publicKey)));
      },
    }).node;
  }

  /** @param {Enrollment} enrollment */
  function askForCode(enrollment) {
    const code = codeField({ hint: words.enableView.codeHint });
    const made = form({
      fields: [code], submit: words.enableView.enable, refused,
      act: async () => done(await api.confirmByTicket(ticket, code.value)),
      secondary: element("button", { type: "button", class: "link aside-link", onclick: () => choose() },
        TEXT.otherWay),
    });
    draw(TEXT.title, whatToScan(enrollment), made.node);
  }

  /** @param {import("./types.js").Problem} problem */
  function refused(problem) {
    const message = notice("warning", element("p", { role: "alert" }, explain(problem)));
    if (problem.code === "ticket_expired") expired(message);
    else if (["enrollment_expired", "no_pending_enrollment"].includes(problem.code)) choose(message);
    else return false;
    return true;
  }

  /** @param {Confirmed} confirmed */
  function done({ recovery_codes: codes }) {
    hold(words.codesPanel.notSaved);
    draw(words.enableView.codesTitle, element("p", {}, words.enableView.codesIntro),
      recoveryCodesPanel({
        codes, email: remembered.address,
        saved: () => {
          hold(null);
          arrive(notice("success", element("p", {}, words.enableView.done, words.enableView.fromNowOn)));
        },
      }));
  }
}
