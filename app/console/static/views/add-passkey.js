// @ts-check
// A passkey, which logs in alone.

import { setUpKey } from "../key-setup.js";
import { words } from "../words.js";

const TEXT = words.addPasskeyView;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show(context) {
  setUpKey(context, {
    passkey: true, name: words.authenticators.kinds.passkey, picture: "passkey", intro: TEXT.intro, submit: TEXT.act,
  });
}
