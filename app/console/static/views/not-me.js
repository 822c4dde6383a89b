// @ts-check
// The page that "This wasn't me" in a notice leads to.

import { api } from "../api.js";
import { element } from "../dom.js";
import { linkPage, toLogIn, toReset } from "../link-page.js";
import { words } from "../words.js";

const TEXT = words.notMeView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show(context) {
  linkPage(context, {
    before: TEXT.consequences.map((sentence) => element("p", {}, sentence)),
    submit: TEXT.end, tone: "danger", act: (secret) => api.reportNotMe(secret), doneTitle: TEXT.doneTitle,
    secondary: null, instead: [toReset(TEXT.reset), toLogIn("aside-link")],
    done: ({ revoked }) => {
      const ended = words.whatEnded(revoked);
      return [element("p", {}, ended ? TEXT.ended(ended) : TEXT.nothingEnded), element("p", {}, TEXT.next)];
    },
  });
}
