// @ts-check
// The page that "This wasn't me" in a notice leads to. Opening it does nothing: mail scanners open links as well.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { explain } from "../explain.js";
import { form } from "../form.js";
import { icon } from "../icons.js";
import { mailedLink } from "../links.js";
import { session } from "../session.js";
import { words } from "../words.js";

const TEXT = words.notMeView;

export const title = TEXT.title;

/** @param {import("../types.js").Context} context */
export function show({ main, retitle }) {
  const card = element("div", { class: "card" });
  main.append(card);
  const secret = mailedLink.secret;
  if (secret) ask(secret);
  else unusable(mailedLink.broken ? TEXT.broken : TEXT.afterReload);

  /** @param {string} token */
  function ask(token) {
    card.replaceChildren(form({
      fields: [], submit: TEXT.end, tone: "danger",
      before: TEXT.consequences.map((sentence) => element("p", {}, sentence)),
      act: async () => done(await api.reportNotMe(token)),
      refused: (problem) => {
        if (problem.code !== "not_me_link_invalid") return false;
        mailedLink.forget();
        unusable(explain(problem));
        return true;
      },
    }).node);
  }

  /** @param {import("../types.js").NotMeReported} answer */
  function done({ revoked }) {
    mailedLink.forget();
    session.end(); // Whatever this tab held died as well.
    retitle(TEXT.doneTitle);
    const ended = words.whatEnded(revoked);
    card.replaceChildren(element("div", { class: "flow" },
      element("div", { class: "big-picture good" }, icon("check")),
      element("p", {}, ended ? TEXT.ended(ended) : TEXT.nothingEnded),
      element("p", {}, TEXT.next)));
    main.querySelector("h1")?.focus();
  }

  /** @param {string} reason */
  function unusable(reason) {
    retitle(TEXT.unusableTitle);
    card.replaceChildren(notice("warning", element("p", {}, reason)),
      element("p", { class: "actions" },
        element("a", { href: "#/forgot-password", class: "button primary" }, TEXT.reset),
        element("a", { href: "#/login", class: "aside-link" }, words.backToLogIn)));
    main.querySelector("h1")?.focus();
  }
}
