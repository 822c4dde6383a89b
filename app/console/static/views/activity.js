// @ts-check
// Activity: the security events of one's account, in words, newest first.

import { api } from "../api.js";
import { element, freshId, linkTo } from "../dom.js";
import { deviceOf } from "../devices.js";
import { eventInWords, kindOfEvent } from "../events.js";
import { icon } from "../icons.js";
import { listing } from "../listing.js";
import { dateOf, timeOf } from "../times.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Event} Event */
/** @typedef {import("../types.js").EventPage} EventPage */

const TEXT = words.activityView;
const KINDS = /** @type {const} */ (["all", "logIns", "changes", "refused"]);
const MOST_PAGES_AT_ONCE = 10;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show({ main }) {
  const kind = element("select", { id: freshId("kind"), onchange: load },
    KINDS.map((one) => element("option", {}, TEXT.kinds[one])));
  const place = element("div", { class: "groups" });
  main.append(
    element("p", { class: "lead" }, TEXT.lead(linkTo("#/authentication-methods/password"))),
    element("div", { class: "choice" }, element("label", { for: kind.id }, TEXT.show), kind),
    place);
  load();

  function load() {
    const chosen = KINDS[kind.selectedIndex] ?? "all";
    place.replaceChildren(...log(chosen));
  }
}

/** What happened, day by day. @param {typeof KINDS[number]} kind */
function log(kind) {
  const days = element("div", { class: "days" });
  /** @type {string | null} */
  let day = null;
  let list = element("ul");
  const { foot, more } = listing({
    load: (cursor) => (kind === "all" ? api.events(cursor) : eventsOf(kind, cursor)),
    add: (page) => page.items.map(add),
    empty: kind === "all" ? TEXT.empty : TEXT.noneOfThem,
  });
  void more();
  return [days, foot];

  /** @param {Event} event */
  function add(event) {
    const date = dateOf(event.occurred_at);
    if (date !== day) {
      day = date;
      list = element("ul", { class: "events" });
      days.append(element("section", { class: "card", "aria-label": date }, element("h2", {}, date), list));
    }
    const item = row(event);
    list.append(item);
    return item;
  }
}

/** The next page that has one of the kind, as far as a person would wait for it.
 * @param {string} kind @param {string | null} cursor @returns {Promise<EventPage>} */
async function eventsOf(kind, cursor) {
  /** @type {EventPage} */
  let page = { items: [], next_cursor: cursor };
  for (let asked = 0; asked < MOST_PAGES_AT_ONCE; asked += 1) {
    const { items, next_cursor: next } = await api.events(page.next_cursor);
    page = { items: items.filter((event) => kindOfEvent(event) === kind), next_cursor: next };
    if (page.items.length > 0 || next === null) break;
  }
  return page;
}

/** @param {Event} event */
function row(event) {
  const { picture, tone, words: sentence, ended } = eventInWords(event);
  const where = [event.ip, event.user_agent && deviceOf(event.user_agent)].filter(Boolean).join(" · ");
  return element("li", { class: "event" },
    element("span", { class: `event-picture ${tone}` }, icon(picture)),
    element("div", {},
      element("p", { class: "event-words" }, sentence, ended && element("span", { class: "hint" }, ` · ${ended}`)),
      where && element("p", { class: "hint", title: event.user_agent }, where)),
    element("time", { datetime: event.occurred_at }, timeOf(event.occurred_at)));
}
