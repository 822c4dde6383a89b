// Activity: the security events of one's account, in words, newest first.

import { api } from "../api.js";
import { element, icon } from "../dom.js";
import { listing } from "../listing.js";
import { dateOf, deviceOf, eventInWords, timeOf } from "../words.js";

export const title = "Activity";

export function show({ main }) {
  const days = element("div", { class: "days" });
  let day = null;
  let list = null;
  const { foot, more } = listing({
    load: (cursor) => api.events(cursor),
    add: (events) => events.forEach(add),
    empty: "Nothing has happened yet.",
  });
  main.append(element("p", { class: "lead" }, "What happened to your account. Something you don't recognise? ",
    element("a", { href: "#/authentication-methods/password" }, "Change your password"), "."), days, foot);
  more();

  function add(event) {
    const date = dateOf(event.occurred_at);
    if (date !== day) {
      day = date;
      list = element("ul", { class: "events" });
      days.append(element("section", { class: "card", "aria-label": date }, element("h2", {}, date), list));
    }
    list.append(row(event));
  }
}

function row(event) {
  const { picture, tone, words, ended } = eventInWords(event);
  const where = [event.ip, event.user_agent && deviceOf(event.user_agent)].filter(Boolean).join(" · ");
  return element("li", { class: "event" },
    element("span", { class: `event-picture ${tone}` }, icon(picture)),
    element("div", {},
      element("p", { class: "event-words" }, words, ended && element("span", { class: "hint" }, ` · ${ended}`)),
      where && element("p", { class: "hint", title: event.user_agent }, where)),
    element("time", { datetime: event.occurred_at }, timeOf(event.occurred_at)));
}
