// @ts-check
// The page that the link in an email about a clearing leads to. Opening it changes nothing, since mail scanners open
// links as well.

import { api } from "../api.js";
import { element, notice } from "../dom.js";
import { explain } from "../explain.js";
import { form } from "../form.js";
import { icon } from "../icons.js";
import { mailedLink } from "../links.js";
import { session } from "../session.js";
import { words } from "../words.js";

const TEXT = words.keepView;

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
      fields: [], submit: TEXT.act,
      before: [element("p", {}, TEXT.why), element("p", {}, TEXT.consequence)],
      after: notice("info", element("p", {}, TEXT.orLogIn)),
      act: async () => {
        await api.cancelClearing(token);
        done();
      },
      refused: (problem) => {
        if (problem.code !== "cancel_link_invalid") return false;
        mailedLink.forget();
        unusable(explain(problem));
        return true;
      },
      secondary: element("a", { href: "#/login", class: "aside-link" }, words.logIn),
    }).node);
  }

  function done() {
    mailedLink.forget();
    session.end(); // Whatever this tab held died with the password.
    retitle(TEXT.doneTitle);
    card.replaceChildren(element("div", { class: "flow" },
      element("div", { class: "big-picture good" }, icon("check")),
      element("p", {}, TEXT.done),
      notice("warning", element("p", {}, TEXT.mailbox)),
      element("p", { class: "actions" },
        element("a", { href: "#/forgot-password", class: "button primary" }, TEXT.reset))));
    main.querySelector("h1")?.focus();
  }

  /** @param {string} reason */
  function unusable(reason) {
    retitle(TEXT.unusableTitle);
    card.replaceChildren(notice("warning", element("p", {}, reason)),
      element("p", { class: "actions" }, element("a", { href: "#/login", class: "button primary" }, words.logIn)));
    main.querySelector("h1")?.focus();
  }
}
