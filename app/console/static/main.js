// @ts-check
// Where everything starts: the settings, and which view belongs to which address.

import { onProofTooOld } from "./api.js";
import { loadConfig } from "./config.js";
import { element, failure } from "./dom.js";
import { explain } from "./explain.js";
import { Problem } from "./problem.js";
import { proveAgain } from "./reauthentication.js";
import { startRouter } from "./router.js";
import { words } from "./words.js";
import * as activity from "./views/activity.js";
import * as addApp from "./views/add-app.js";
import * as addPasskey from "./views/add-passkey.js";
import * as addSecurityKey from "./views/add-security-key.js";
import * as authenticationMethods from "./views/authentication-methods.js";
import * as authenticationTokens from "./views/authentication-tokens.js";
import * as authenticator from "./views/authenticator.js";
import * as changeEmail from "./views/change-email.js";
import * as changePassword from "./views/change-password.js";
import * as disableTwoFactor from "./views/disable-two-factor.js";
import * as emailChange from "./views/email-change.js";
import * as emailChangeUndo from "./views/email-change-undo.js";
import * as enableTwoFactor from "./views/enable-two-factor.js";
import * as forgotPassword from "./views/forgot-password.js";
import * as keepTwoFactor from "./views/keep-two-factor.js";
import * as logIn from "./views/log-in.js";
import * as notMe from "./views/not-me.js";
import * as passwordReset from "./views/password-reset.js";
import * as recoveryCodes from "./views/recovery-codes.js";
import * as replaceApp from "./views/replace-app.js";
import * as userInformation from "./views/user-information.js";

/** @typedef {import("./types.js").View} View */

/** @type {Map<string, View>} */
const OPEN = new Map(Object.entries({
  "/login": logIn,
  "/forgot-password": forgotPassword,
  "/password-reset": passwordReset,
  "/two-factor-clearing": keepTwoFactor,
  "/email-change": emailChange,
  "/email-change/undo": emailChangeUndo,
  "/not-me": notMe,
}));
/** @type {Map<string, View>} */
const SIGNED_IN = new Map(Object.entries({
  "/user-information": userInformation,
  "/user-information/email": changeEmail,
  "/authentication-methods": authenticationMethods,
  "/authentication-methods/enable": enableTwoFactor,
  "/authentication-methods/disable": disableTwoFactor,
  "/authentication-methods/recovery-codes": recoveryCodes,
  "/authentication-methods/password": changePassword,
  "/authentication-methods/authenticator": authenticator,
  "/authentication-methods/add-app": addApp,
  "/authentication-methods/add-passkey": addPasskey,
  "/authentication-methods/add-security-key": addSecurityKey,
  "/authentication-methods/replace": replaceApp,
  "/authentication-tokens": authenticationTokens,
  "/activity": activity,
}));

async function start() {
  try {
    await loadConfig();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const title = element("h1", { tabindex: "-1" }, words.noAnswerTitle);
    const main = element("main", { id: "main" }, title, failure(explain(problem), () => void start()));
    document.getElementById("page")?.replaceChildren(element("div", { class: "outside" }, main));
    return title.focus();
  }
  onProofTooOld(proveAgain);
  startRouter({ open: OPEN, signedIn: SIGNED_IN });
}

document.querySelector(".skip")?.addEventListener("click", (happening) => {
  happening.preventDefault();
  const heading = document.querySelector("#main h1");
  if (heading instanceof HTMLElement) heading.focus();
});
void start();
