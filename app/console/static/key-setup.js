// @ts-check
// Registering a security key or a passkey: its name and the password, then the browser's own question.

import { api } from "./api.js";
import { element } from "./dom.js";
import { nameField, passwordAgain, usernameFor } from "./fields.js";
import { form } from "./form.js";
import { icon } from "./icons.js";
import { cancelLink, finish } from "./second-factor-pages.js";
import { createCredential } from "./webauthn.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */

/**
 * @param {import("./types.js").Context} context
 * @param {{ passkey: boolean, name: string, picture: string, intro: string, submit: string }} how
 */
export function setUpKey(context, { passkey, name: suggested, picture, intro, submit }) {
  const { main, account } = context;
  const name = nameField({ value: suggested });
  const password = passwordAgain();
  const card = element("div", { class: "card" });
  const made = form({
    fields: [name, password], submit,
    before: [element("p", { class: "with-picture" }, icon(picture), intro), usernameFor(account.email)],
    act: async () => {
      const { registration, public_key: publicKey } = await api.startRegistration(password.value, name.value, passkey);
      const answer = await api.register(registration, await createCredential(publicKey));
      const first = answer.recovery_codes.length > 0;
      const news = first ? words.enableView.done : words.authenticators.isAdded(answer.authenticator.name);
      finish(context, answer, { news, draw });
    },
    secondary: cancelLink(),
  });
  main.append(card);
  draw(made.node);

  /** @param {Children[]} content */
  function draw(...content) {
    card.replaceChildren(element("div", { class: "flow" }, ...content));
  }
}
