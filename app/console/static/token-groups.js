// @ts-check
// Sessions of one device at one address, of which a list shows the newest until somebody wants to see the others: each
// tab that somebody logged in with is a session.

import { deviceOf } from "./devices.js";
import { element } from "./dom.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Token} Token */
/** @typedef {{ waiting: HTMLElement[], place: HTMLElement, button: HTMLElement }} Group */

/** Puts rows into the list; returns what is new to see there. @param {HTMLElement} list */
export function tokenGroups(list) {
  /** Of each device at each address its newest row, then the group that waits behind it, and "all" once that is shown.
   * @type {Map<string, HTMLElement | Group | "all">} */
  const groups = new Map();

  /** @param {Token} token @param {HTMLElement} row */
  return function add(token, row) {
    const key = keyOf(token);
    const known = key && groups.get(key);
    if (known && known !== "all") return wait(key, known, row);
    if (key && !known) groups.set(key, row);
    list.append(row);
    return [row];
  };

  /** @param {string} key @param {HTMLElement | Group} known @param {HTMLElement} row */
  function wait(key, known, row) {
    const group = known instanceof HTMLElement ? groupBehind(known, key) : known;
    group.waiting.push(row);
    group.button.textContent = words.tokensView.moreLikeIt(group.waiting.length);
    return group === known ? [] : [group.place];
  }

  /** @param {HTMLElement} newest @param {string} key */
  function groupBehind(newest, key) {
    const button = element("button", { type: "button", class: "link aside-link", onclick: show });
    /** @type {Group} */
    const group = { waiting: [], place: element("li", { class: "token more-like-it" }, button), button };
    groups.set(key, group);
    // The newest may have been revoked meanwhile.
    if (newest.isConnected) newest.after(group.place);
    else list.append(group.place);
    return group;

    function show() {
      groups.set(key, "all");
      group.place.replaceWith(...group.waiting);
      group.waiting[0]?.querySelector("button")?.focus();
    }
  }
}

/** Null for what stands alone. @param {Token} token */
function keyOf({ kind, current, user_agent, last_used_ip }) {
  return kind === "session" && !current ? `${deviceOf(user_agent)} ${last_used_ip}` : null;
}
