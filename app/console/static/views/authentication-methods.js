// Authentication methods: the password, and two-factor authentication on top of it.

import { badge, element, icon } from "../dom.js";
import { count, dateOf, fromNow } from "../words.js";

export const title = "Authentication methods";

export function show({ main, account, go }) {
  const twoFactor = account.two_factor;
  const on = twoFactor.status === "enabled";
  const toggle = element("button", {
    type: "button", role: "switch", class: "switch", "aria-checked": String(on), "aria-labelledby": "two-factor", "aria-describedby": "two-factor-words",
    onclick: () => go(on ? "/authentication-methods/disable" : "/authentication-methods/enable"),
  }, element("span", { class: "switch-knob" }));

  main.append(
    element("section", { class: "card" },
      element("div", { class: "method" },
        element("span", { class: "method-picture" }, icon("lock")),
        element("div", { class: "method-words" },
          element("h2", {}, "Password"),
          element("p", { class: "hint" }, `Log in as ${account.email} with your password.`)),
        element("a", { class: "button secondary", href: "#/authentication-methods/password" }, "Change password")),
      element("div", { class: "method inner" },
        element("span", { class: "method-picture" }, icon("shield")),
        element("div", { class: "method-words" },
          element("h3", { id: "two-factor" }, "Two-factor authentication", " "),
          element("p", { class: "hint", id: "two-factor-words" }, on
            ? [badge("good", "On"), ` since ${dateOf(twoFactor.enabled_at)}${twoFactor.last_used_at ? `; last used ${fromNow(twoFactor.last_used_at)}` : ""}. Logging in asks for a code from your authenticator app.`]
            : "Ask for a code from an app on your phone as well, so that your password alone lets nobody in.")),
        toggle),
      twoFactor.status === "pending" && element("p", { class: "inner-note hint" }, "You started to set this up and did not finish. Turn it on to start again."),
      on && element("div", { class: "method inner" },
        element("span", { class: "method-picture" }, icon("key")),
        element("div", { class: "method-words" },
          element("h3", {}, "Recovery codes"),
          element("p", { class: "hint" }, remaining(twoFactor.recovery_codes_remaining))),
        element("a", { class: "button secondary", href: "#/authentication-methods/recovery-codes" }, "Make new codes"))));
}

function remaining(number) {
  const words = `${count(number, "code")} left, for the day you don't have your device.`;
  return number < 4 ? [badge("warn", "Running low"), ` ${words}`] : words;
}
