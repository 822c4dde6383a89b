// A new set of recovery codes; the old set dies.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { form, passwordField, usernameFor } from "../form.js";
import { NOT_SAVED_YET, recoveryCodesPanel } from "../recovery-codes-panel.js";
import { explain } from "../words.js";

export const title = "New recovery codes";

const METHODS = "/authentication-methods";

export function show({ main, account, go, hold }) {
  const made = form({
    fields: [passwordField({ hint: "To be sure that it is you.", "data-first": true })], submit: "Make new codes",
    before: usernameFor(account.email),
    after: notice("info", element("p", {}, "You get ten new codes, and the ones you have stop working.")),
    act: async (values) => keep(await api.replaceRecoveryCodes(values.password)),
    refused: (problem) => {
      if (problem.code !== "two_factor_not_enabled") return false;
      go(METHODS, notice("info", element("p", {}, explain(problem))));
      return true;
    },
    secondary: element("a", { href: `#${METHODS}`, class: "aside-link" }, "Cancel"),
  });
  const card = element("div", { class: "card flow" }, made.node);
  main.append(card);

  function keep(answer) {
    hold(NOT_SAVED_YET);
    const heading = element("h2", { tabindex: "-1" }, "Save your new recovery codes");
    card.replaceChildren(heading, ...recoveryCodesPanel({
      codes: answer.recovery_codes, account,
      saved: () => {
        hold(null);
        go(METHODS, notice("success", element("p", {}, "Your new recovery codes are in force. The old ones no longer work.")));
      },
    }));
    heading.focus();
  }
}
