// @ts-check
// A new device in the place of an old one, which works until the new one is confirmed.

import { setUpApp } from "../app-setup.js";
import { element, notice } from "../dom.js";
import { leadsBack, METHODS } from "../second-factor-pages.js";
import { words } from "../words.js";

const TEXT = words.replaceView;

export const title = () => TEXT.title;
export const fresh = true;

/** @param {import("../types.js").Context} context */
export function show(context) {
  if (leadsBack(context, true)) return;
  if (!context.id) return context.go(METHODS, null, { replace: true });
  setUpApp(context, {
    request: { replaces: context.id }, steps: TEXT.step, submit: TEXT.act, news: TEXT.done, rest: TEXT.doneRest,
    intro: notice("info", element("p", {}, TEXT.intro)),
  });
}
