// @ts-check
// Activity: the security events of one's account, in words, newest first.

import { api } from "../api.js";
import { element, linkTo } from "../dom.js";
import { deviceOf } from "../devices.js";
import { eventInWords } from "../events.js";
import { icon } from "../icons.js";
import { listing } from "../listing.js";
import { dateOf, timeOf } from "../times.js";
import { words } from "../words.js";

const TEXT = words.activityView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show({ main }) {
  const days = element("div", { class: "days" });
  /** @type {string | null} */
  let day = null;
  let list = element("ul");
  const { foot, more } = listing({
    load: (cursor) => api.events(cursor),
    add: (page) => page.items.map(add),
    empty: TEXT.empty,
  });
  main.append(element("p", { class: "lead" }, TEXT.lead(linkTo("#/authentication-methods/password"))), days, foot);
  void more();

  /** @param {import("../types.js").Event} event */
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

/** @param {import("../types.js").Event} event */
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
