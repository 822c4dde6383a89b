// @ts-check
// A new set of recovery codes; the old set dies.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { passwordAgain, usernameFor } from "../fields.js";
import { form } from "../form.js";
import { recoveryCodesPanel } from "../recovery-codes-panel.js";
import { cancelLink, leadingBack, leadsBack, METHODS } from "../second-factor-pages.js";
import { words } from "../words.js";

const TEXT = words.recoveryView;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show(context) {
  const { main, account, go, hold, retitle } = context;
  if (leadsBack(context, true)) return;
  const made = form({
    fields: [passwordAgain()], submit: TEXT.act,
    before: usernameFor(account.email),
    after: notice("info", element("p", {}, TEXT.consequence)),
    act: async (values) => keep(await api.replaceRecoveryCodes(values.password ?? "")),
    refused: leadingBack(go),
    secondary: cancelLink(),
  });
  const card = element("div", { class: "card flow" }, made.node);
  main.append(card);

  /** @param {import("../types.js").NewRecoveryCodes} answer */
  function keep({ recovery_codes: codes }) {
    hold(words.codesPanel.notSaved);
    retitle(TEXT.save);
    card.replaceChildren(...recoveryCodesPanel({
      codes, email: account.email,
      saved: () => {
        hold(null);
        go(METHODS, notice("success", element("p", {}, TEXT.done)), { replace: true });
      },
    }));
    main.querySelector("h1")?.focus();
  }
}
