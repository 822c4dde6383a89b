// @ts-check
// Turning two-factor authentication on, by an authenticator app.

import { setUpApp } from "../app-setup.js";
import { linkTo } from "../dom.js";
import { leadsBack, METHODS } from "../second-factor-pages.js";
import { words } from "../words.js";

const TEXT = words.enableView;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show(context) {
  if (leadsBack(context, false)) return;
  setUpApp(context, {
    request: { name: words.authenticators.kinds.totp }, // In the language of the person, who may rename it.
    steps: TEXT.step, submit: TEXT.enable, news: () => TEXT.done, rest: TEXT.fromNowOn,
    otherwise: TEXT.orAKey(linkTo(`#${METHODS}/add-security-key`), linkTo(`#${METHODS}/add-passkey`)),
  });
}
