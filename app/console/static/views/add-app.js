// @ts-check
// One more authenticator app.

import { setUpApp } from "../app-setup.js";
import { leadsBack } from "../second-factor-pages.js";
import { words } from "../words.js";

const TEXT = words.addAppView;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show(context) {
  if (leadsBack(context, true)) return;
  setUpApp(context, {
    request: { additional: true }, named: true, steps: TEXT.step, submit: TEXT.act, news: words.authenticators.isAdded,
  });
}
