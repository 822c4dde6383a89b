// @ts-check
// What the pages behind links in emails have in common: one button that follows the link, what came of it, and a
// sentence where the link is no good.

import { element, notice } from "./dom.js";
import { explain } from "./explain.js";
import { form } from "./form.js";
import { mailedLink } from "./links.js";
import { words } from "./words.js";

const TEXT = words.linkPage;

/**
 * @template Answer
 * @param {import("./types.js").Context} context
 * @param {{
 *   before: import("./types.js").Children, submit: string,
 *   act: (secret: string) => Promise<Answer>, done: (answer: Answer) => import("./types.js").Children,
 * }} parts
 */
export function linkPage({ main, retitle }, { before, submit, act, done }) {
  const card = element("div", { class: "card" });
  main.append(card);
  const secret = mailedLink.secret;
  if (!secret) return unusable(mailedLink.broken ? TEXT.broken : TEXT.afterReload);
  const made = form({
    fields: [], before, submit,
    act: async () => {
      card.replaceChildren(element("div", { class: "flow" }, done(await act(secret))));
      main.querySelector("h1")?.focus();
    },
    refused: (problem) => {
      if (problem.code !== "email_token_invalid") return false;
      mailedLink.forget();
      unusable(explain(problem));
      return true;
    },
    secondary: element("a", { href: "#/login", class: "aside-link" }, words.backToLogIn),
  });
  card.append(made.node);

  /** @param {string} reason */
  function unusable(reason) {
    retitle(TEXT.unusableTitle);
    card.replaceChildren(notice("warning", element("p", {}, reason)),
      element("p", { class: "actions" },
        element("a", { href: "#/login", class: "button primary" }, words.backToLogIn)));
    main.querySelector("h1")?.focus();
  }
}
