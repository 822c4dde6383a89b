// @ts-check
// A security key, as a second factor.

import { setUpKey } from "../key-setup.js";
import { words } from "../words.js";

const TEXT = words.addSecurityKeyView;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show(context) {
  setUpKey(context, {
    passkey: false, name: words.authenticators.kinds.key, picture: "security-key", intro: TEXT.intro, submit: TEXT.act,
  });
}
