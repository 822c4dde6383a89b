// @ts-check
// Authentication tokens: the sessions and personal tokens that have access to one's account right now.

import { api } from "../api.js";
import { confirmed } from "../dialog.js";
import { announce, element, freshId, notice } from "../dom.js";
import { explain } from "../explain.js";
import { listing } from "../listing.js";
import { Problem } from "../problem.js";
import { session } from "../session.js";
import { tokenGroups } from "../token-groups.js";
import { tokenMaker } from "../token-maker.js";
import { tokenRow } from "../token-row.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Token} Token */
/** @typedef {import("../types.js").TokenPage} TokenPage */

const TEXT = words.tokensView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show({ main, go, hold, logOut }) {
  const status = element("div", { class: "said" });
  const lists = element("div", { class: "groups" });
  const maker = tokenMaker({ hold, created: loadPersonal, started: () => status.replaceChildren() });
  const personal = element("div");
  main.append(
    element("p", { class: "lead" }, TEXT.lead), status, lists);
  load();

  function load() {
    const sessions = tokenList({
      kind: "session", count: (page) => page.counts.sessions, empty: TEXT.noSessions, row,
      heading: TEXT.sessions, hint: TEXT.sessionsHint,
      tool: {
        button: element("button", { type: "button", class: "danger quiet-danger", onclick: revokeAll }, TEXT.revokeAll),
      },
    });
    lists.replaceChildren(sessions, personal);
    loadPersonal();
  }

  function loadPersonal() {
    personal.replaceChildren(tokenList({
      kind: "personal", count: (page) => page.counts.personal_tokens, empty: TEXT.noPersonal, row,
      heading: TEXT.personal, hint: TEXT.personalHint, tool: maker,
    }));
  }

  /** @param {Token} token @param {(row: HTMLElement) => void} gone */
  function row(token, gone) {
    const item = tokenRow(token, {
      renamed: (name) => say("success", TEXT.renamed(name)),
      act: (name) => (token.current ? logOutHere() : revokeOne(token, name, () => gone(item))),
    });
    return item;
  }

  async function logOutHere() {
    const question = { title: TEXT.logOutQuestion, consequence: TEXT.logOutConsequence, act: words.logOut };
    if (await confirmed(question)) logOut();
  }

  /** @param {Token} token @param {string} name @param {() => void} gone */
  async function revokeOne(token, name, gone) {
    const question = { title: TEXT.revokeQuestion(name), consequence: TEXT.revokeConsequence, act: TEXT.revoke };
    if (!await confirmed(question)) return;
    await attempt(async () => {
      await api.revokeToken(token.id);
      gone();
      say("success", TEXT.revoked(name));
    });
  }

  async function revokeAll() {
    const id = freshId("keep");
    const keep = element("input", { type: "checkbox", id, checked: true });
    const yes = await confirmed({
      title: TEXT.revokeAllQuestion, consequence: TEXT.revokeAllConsequence, act: TEXT.revokeAll,
      extra: element("div", { class: "check" }, keep, element("label", { for: id }, TEXT.stay)),
    });
    if (!yes) return;
    await attempt(async () => {
      const { revoked } = await api.revokeAllTokens(keep.checked);
      hold(null); // A new token that is still on the screen died with the others.
      maker.close();
      if (!keep.checked) {
        session.end(); // The token is dead already; this page only has to forget it.
        return go("/login", notice("success", element("p", {}, TEXT.allRevoked(revoked))));
      }
      say("success", TEXT.othersRevoked(revoked));
      load();
      // The button that was pressed is gone.
      lists.querySelector("h2")?.focus();
    });
  }

  /** @param {() => Promise<void>} act */
  async function attempt(act) {
    try {
      await act();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.code !== "invalid_token") say("danger", explain(problem));
    }
  }

  /** @param {"success" | "danger"} kind @param {string} sentence */
  function say(kind, sentence) {
    status.replaceChildren(notice(kind, element("p", {}, sentence)));
    announce(sentence);
  }
}

/**
 * One kind of token in a card of its own, the calling one first whatever its age.
 * @param {{
 *   kind: "session" | "personal", heading: string, hint: string, empty: string, count: (page: TokenPage) => number,
 *   row: (token: Token, gone: (row: HTMLElement) => void) => HTMLElement,
 *   tool?: { button: HTMLElement, panel?: HTMLElement },
 * }} parts
 */
function tokenList({ kind, heading, hint, empty, count, row, tool }) {
  const list = element("ul", { class: "tokens" });
  const group = tokenGroups(list);
  const total = element("span", { class: "count", hidden: true });
  const title = element("h2", { tabindex: "-1" }, heading, " ", total);
  let known = 0;
  /** @type {string | null} */
  let first = null;
  const { foot, more } = listing({ load: (cursor) => api.tokens(kind, cursor), add, empty });
  void more();
  return element("section", { class: "card" },
    element("div", { class: "card-head" },
      element("div", {}, title, element("p", { class: "hint" }, hint)), tool?.button),
    tool?.panel, list, foot);

  /** @param {TokenPage} page */
  function add(page) {
    recount(count(page));
    const pinned = first === null && page.current.kind === kind ? [page.current] : [];
    first ??= page.current.id;
    const others = page.items.filter((token) => token.id !== first);
    return [...pinned, ...others].flatMap((token) => group(token, row(token, gone)));
  }

  /** The keyboard goes on with the next row, or the one before. @param {HTMLElement} item */
  function gone(item) {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    recount(known - 1);
    const target = next?.querySelector("button") ?? title;
    target.focus();
    if (known === 0) foot.replaceChildren(element("p", { class: "hint" }, empty));
  }

  /** @param {number} number */
  function recount(number) {
    known = number;
    total.textContent = String(number);
    total.hidden = number === 0;
  }
}
