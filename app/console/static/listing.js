// @ts-check
// A list that comes in pages: shows the first, then more when hadFocus, and can try again where it stopped.

import { announce, element, failure, skeleton } from "./dom.js";
import { explain } from "./explain.js";
import { Problem } from "./problem.js";
import { words } from "./words.js";

/**
 * `load(cursor)` gives a page; `add(page)` puts it on the screen and returns the new rows; `empty` is said only after a
 * list that was empty and complete.
 * @template {{ next_cursor: string | null }} Page
 * @param {{ load: (cursor: string | null) => Promise<Page>, add: (page: Page) => HTMLElement[], empty: string }} parts
 */
export function listing({ load, add, empty }) {
  const foot = element("div", { class: "listing-foot" });
  let any = false;

  /** @param {string | null} [cursor] */
  async function more(cursor = null) {
    const hadFocus = foot.contains(document.activeElement);
    foot.setAttribute("aria-busy", "true");
    foot.replaceChildren(any ? element("p", { class: "hint" }, words.loading) : skeleton());
    try {
      const page = await load(cursor);
      const rows = add(page);
      any ||= rows.length > 0;
      foot.replaceChildren(...rest(page));
      // The button that was pressed is gone: the keyboard goes on with the first new row.
      if (hadFocus) rows[0]?.setAttribute("tabindex", "-1");
      if (hadFocus) rows[0]?.focus();
      if (hadFocus) announce(words.moreLoaded);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const box = failure(explain(problem), () => void more(cursor));
      foot.replaceChildren(box);
      if (hadFocus) box.querySelector("button")?.focus();
      announce(explain(problem));
    } finally {
      foot.removeAttribute("aria-busy");
    }
  }

  /** @param {Page} page */
  function rest({ next_cursor: next }) {
    if (next) {
      return [element("button", { type: "button", class: "secondary", onclick: () => more(next) }, words.showMore)];
    }
    return any ? [] : [element("p", { class: "hint" }, empty)];
  }

  return { foot, more };
}
