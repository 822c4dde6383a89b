// @ts-check
// Proving oneself again, over the view that needs it: what was typed there stays, and goes on afterwards.

import { api } from "./api.js";
import { asked } from "./dialog.js";
import { element } from "./dom.js";
import { passwordField } from "./fields.js";
import { form } from "./form.js";
import { askForSecondFactor } from "./second-factor.js";
import { durationOf } from "./times.js";
import { askForCredential } from "./webauthn.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Problem} Problem */

const TEXT = words.reauthentication;

/** @type {Promise<boolean> | null} Two calls that need a proof at once are answered by one. */
let asking = null;

/** Resolves to whether the session is proved anew. @param {Problem} problem */
export function proveAgain({ maxAge }) {
  asking ??= ask(maxAge ? durationOf(maxAge) : null).finally(() => { asking = null; });
  return asking;
}

/** @param {string | null} age */
async function ask(age) {
  const { methods, recovery_codes_remaining: codes } = await api.twoFactor();
  return asked(TEXT.title, (finish) => {
    const place = element("div", { class: "flow" });
    const cancel = () => element("button", { type: "button", class: "link aside-link", onclick: () => finish(false) },
      words.cancel);
    /** @param {Parameters<typeof api.reauthenticate>[0]} proof */
    const prove = async (proof) => {
      await api.reauthenticate(proof);
      finish(true);
    };
    if (methods.length > 0) {
      askForSecondFactor({
        methods: codes > 0 ? [...methods, "recovery_code"] : methods, submit: TEXT.act, secondary: cancel,
        draw: (...content) => {
          place.replaceChildren(element("div", { class: "flow" }, ...content));
          const first = place.querySelector("input") ?? place.querySelector("button");
          first?.focus();
        },
        byCode: (code) => prove({ code }),
        byKey: async () => {
          const { challenge, public_key: publicKey } = await api.reauthenticationOptions();
          await prove({ challenge, credential: await askForCredential(publicKey) });
        },
      });
    } else {
      const password = passwordField();
      place.append(form({
        fields: [password], submit: TEXT.act, act: () => prove({ password: password.value }), secondary: cancel(),
      }).node);
    }
    return [element("p", {}, TEXT.why(age)), place];
  });
}
