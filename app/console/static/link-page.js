// @ts-check
// What the pages behind links in emails have in common: one button that follows the link, since mail scanners open
// links as well; what came of it; and a sentence where the link is no good.

import { element, notice } from "./dom.js";
import { explain } from "./explain.js";
import { form } from "./form.js";
import { icon } from "./icons.js";
import { mailedLink } from "./links.js";
import { session } from "./session.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */
/** @typedef {import("./types.js").Context} Context */

const TEXT = words.linkPage;
const DEAD = ["email_token_invalid", "cancel_link_invalid", "not_me_link_invalid"];

/**
 * `done` says what came of it, under `doneTitle`; `instead` is what a person can do whose link is no good.
 * @template Answer
 * @param {Context} context
 * @param {{
 *   before: Children, after?: Children, submit: string, tone?: string, secondary?: Children, instead?: Children,
 *   act: (secret: string) => Promise<Answer>, doneTitle: string, done: (answer: Answer) => Children,
 * }} parts
 */
export function linkPage(context, {
  before, after, submit, tone = "primary", secondary = toLogIn("aside-link"), instead = toLogIn("button primary"), act,
  doneTitle, done,
}) {
  const { main, retitle } = context;
  const secret = mailedLink.secret;
  if (!secret) return unusable(context, mailedLink.broken ? TEXT.broken : TEXT.afterReload, instead);
  const card = element("div", { class: "card" }, form({
    fields: [], before, after, submit, tone, secondary,
    act: async () => {
      const answer = await act(secret);
      mailedLink.forget();
      session.end(); // Whatever this tab held ended with what the link did.
      retitle(doneTitle);
      card.replaceChildren(element("div", { class: "flow" },
        element("div", { class: "big-picture good" }, icon("check")), done(answer)));
      main.querySelector("h1")?.focus();
    },
    refused: (problem) => {
      if (!DEAD.includes(problem.code)) return false;
      mailedLink.forget();
      card.remove();
      unusable(context, explain(problem), instead);
      return true;
    },
  }).node);
  main.append(card);
}

/** @param {Context} context @param {string} reason @param {Children} instead */
export function unusable({ main, retitle }, reason, instead) {
  retitle(TEXT.unusableTitle);
  main.append(element("div", { class: "card" },
    notice("warning", element("p", {}, reason)), element("p", { class: "actions" }, instead)));
  main.querySelector("h1")?.focus();
}

/** @param {string} look */
export const toLogIn = (look) => element("a", { href: "#/login", class: look }, words.backToLogIn);

/** @param {string} label */
export const toReset = (label) => element("a", { href: "#/forgot-password", class: "button primary" }, label);
