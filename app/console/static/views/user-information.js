// User information: who one is here, and how one is logged in.

import { badge, element } from "../dom.js";
import { dateOf } from "../words.js";

export const title = "User information";

export function show({ main, account }) {
  const twoFactor = account.two_factor.status === "enabled";
  main.append(
    element("section", { class: "card", "aria-label": "Account" },
      element("dl", { class: "facts" },
        fact("Email address", account.email),
        fact("Member since", dateOf(account.created_at)),
        fact("Status", account.status === "active" ? badge("good", "Active") : badge("bad", "Disabled")),
        fact("Two-factor authentication", twoFactor ? badge("good", "On") : badge("plain", "Off"),
          twoFactor && element("span", { class: "hint" }, `since ${dateOf(account.two_factor.enabled_at)}`)),
        fact("Account id", element("code", {}, account.id)))),
    nextStep(account.two_factor));
}

function fact(term, ...description) {
  return element("div", {}, element("dt", {}, term), element("dd", {}, description));
}

function nextStep(twoFactor) {
  if (twoFactor.status !== "enabled") {
    return suggestion("Protect your account with a second key",
      "A code from an app on your phone, asked for after your password. Somebody who learns your password still can't get in. Setting it up takes two minutes.",
      "Set up two-factor authentication", "#/authentication-methods");
  }
  if (twoFactor.recovery_codes_remaining < 4) {
    return suggestion("Your recovery codes are running out",
      `You have ${twoFactor.recovery_codes_remaining} left. Make a new set before you need one.`,
      "Make new recovery codes", "#/authentication-methods/recovery-codes");
  }
  return "";
}

function suggestion(heading, words, act, href) {
  return element("section", { class: "card suggestion" }, element("div", {}, element("h2", {}, heading), element("p", {}, words)),
    element("a", { class: "button primary", href }, act));
}
