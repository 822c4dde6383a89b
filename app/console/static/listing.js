// A list that comes in pages: shows the first, then more when asked, and can try again where it stopped.

import { announce, element, notice } from "./dom.js";
import { explain } from "./words.js";

/** `load(cursor)` gives a page; `add(items)` puts them on the screen; `empty` says that there are none. */
export function listing({ load, add, empty }) {
  const foot = element("div", { class: "listing-foot", "aria-live": "polite" });
  let any = false;

  async function more(cursor = null) {
    foot.replaceChildren(element("p", { class: "hint" }, "Loading…"));
    try {
      const page = await load(cursor);
      any ||= page.items.length > 0;
      add(page.items);
      foot.replaceChildren(...[
        !any && element("p", { class: "hint" }, empty),
        page.next_cursor && element("button", { type: "button", class: "secondary", onclick: () => more(page.next_cursor).then(() => announce("More loaded.")) }, "Show more"),
      ].filter(Boolean));
    } catch (problem) {
      foot.replaceChildren(notice("warning", element("p", {}, explain(problem)),
        element("button", { type: "button", class: "secondary small", onclick: () => more(cursor) }, "Try again")));
    }
  }

  return { foot, more };
}
