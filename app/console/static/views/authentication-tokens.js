// Authentication tokens: the sessions and personal tokens that can act for one's account right now.

import { api } from "../api.js";
import { announce, badge, confirmed, copyButton, element, freshId, icon, notice } from "../dom.js";
import { field, form } from "../form.js";
import { listing } from "../listing.js";
import { deviceOf, explain, fromNow, momentOf, proofOf, whatEnded } from "../words.js";

export const title = "Authentication tokens";

const DAY = 86_400;
const LIFETIMES = [["7 days", 7 * DAY], ["30 days", 30 * DAY], ["90 days", 90 * DAY], ["1 year", 365 * DAY], ["No end", null]];

export function show({ main, go }) {
  const status = element("div", { class: "said" });
  const maker = element("div", { class: "said" });
  const lists = element("div", { class: "groups" });
  const create = element("button", { type: "button", class: "primary", onclick: openMaker }, "Create personal token");
  main.append(
    element("p", { class: "lead" }, "Everything that can act for your account right now. Revoke what you don't recognise."),
    element("div", { class: "toolbar" }, create, element("button", { type: "button", class: "danger quiet-danger", onclick: revokeAll }, "Revoke all")),
    status, maker, lists);
  load();

  function load() {
    const groups = { session: group("Sessions", "Browsers that are logged in."), personal: group("Personal tokens", "For scripts and apps of your own.") };
    const { foot, more } = listing({
      load: (cursor) => api.tokens(cursor),
      add: (tokens) => tokens.forEach((token) => groups[token.kind].add(row(token))),
      empty: "There are none.",
    });
    lists.replaceChildren(groups.session.node, groups.personal.node, foot);
    return more();
  }

  function row(token) {
    const name = token.kind === "session" ? deviceOf(token.user_agent) : token.description;
    const revoke = element("button", {
      type: "button", class: "secondary small", "aria-label": `Revoke ${name}`, onclick: () => revokeOne(token, name),
    }, token.current ? "Log out" : "Revoke");
    if (token.current) revoke.setAttribute("aria-label", "Log out of this session");
    const used = token.last_used_at
      ? [`Last used ${fromNow(token.last_used_at)}`, token.last_used_ip && `from ${token.last_used_ip}`, token.kind === "personal" && token.user_agent && `with ${deviceOf(token.user_agent)}`].filter(Boolean).join(" ")
      : token.kind === "session" ? "Not used since the log-in" : "Never used";
    return element("li", { class: "token" },
      element("span", { class: "method-picture" }, icon(token.kind === "session" ? "device" : "key")),
      element("div", { class: "token-words" },
        element("p", { class: "token-name", title: token.user_agent }, name, token.current && [" ", badge("good", "This session")]),
        element("p", { class: "hint" }, `${used}.`),
        element("p", { class: "hint" }, `${token.kind === "session" ? `Logged in ${momentOf(token.created_at)} with ${proofOf(token.amr)}` : `Created ${momentOf(token.created_at)}`}; ${end(token)}.`)),
      revoke);
  }

  async function revokeOne(token, name) {
    const yes = await confirmed({
      title: token.current ? "Log out of this session?" : `Revoke “${name}”?`,
      words: token.current ? "You are logged out here and have to log in again." : "Whatever uses it loses access at once. This can't be undone.",
      act: token.current ? "Log out" : "Revoke",
    });
    if (!yes) return;
    await attempt(async () => {
      if (token.current) {
        await api.logOut();
        go("/login", notice("success", element("p", {}, "You are logged out.")));
        return;
      }
      await api.revokeToken(token.id);
      say("success", `“${name}” is revoked.`);
      await load();
    });
  }

  async function revokeAll() {
    const id = freshId("keep");
    const keep = element("input", { type: "checkbox", id, checked: true });
    const yes = await confirmed({
      title: "Revoke all tokens?", words: "Every session and every personal token of your account ends, on all devices.", act: "Revoke all",
      extra: element("div", { class: "check" }, keep, element("label", { for: id }, "Stay logged in here")),
    });
    if (!yes) return;
    await attempt(async () => {
      const { revoked } = await api.revokeAllTokens(keep.checked);
      if (!keep.checked) {
        await api.logOut().catch(() => {}); // The token is dead already; this page only has to forget it.
        go("/login", notice("success", element("p", {}, `All tokens are revoked: ${whatEnded(revoked)}. Log in again to go on.`)));
        return;
      }
      say("success", `Revoked: ${whatEnded(revoked)}. You are still logged in here.`);
      maker.replaceChildren();
      await load();
    });
  }

  async function attempt(act) {
    try {
      await act();
    } catch (problem) {
      if (problem.code !== "invalid_token") say("danger", explain(problem));
    }
  }

  function say(kind, words) {
    status.replaceChildren(notice(kind, element("p", {}, words)));
    announce(words);
  }

  function openMaker() {
    status.replaceChildren();
    const description = field({ name: "description", label: "Description", hint: "What it is for, so that you know it again.", maxlength: "100", autocomplete: "off", "data-asks-for": "a description" });
    const lifetime = choice("Lifetime", LIFETIMES.map(([words]) => words), 1);
    const extend = element("input", { type: "checkbox", id: freshId("extend") });
    const made = form({
      fields: [description], submit: "Create",
      after: [lifetime.node, element("div", { class: "check" }, extend, element("label", { for: extend.id }, "Start the lifetime again at each use"))],
      act: async (values) => shown(await api.createToken(values.description.trim(), LIFETIMES[lifetime.index][1], extend.checked)),
      secondary: element("button", { type: "button", class: "link aside-link", onclick: () => { maker.replaceChildren(); create.focus(); } }, "Cancel"),
    });
    lifetime.select.addEventListener("change", () => { extend.disabled = LIFETIMES[lifetime.index][1] === null; });
    maker.replaceChildren(element("section", { class: "card flow", "aria-label": "Create personal token" }, element("h2", {}, "Create personal token"), made.node));
    description.input.focus();
  }

  async function shown({ access_token: secret, token }) {
    const heading = element("h2", { tabindex: "-1" }, `“${token.description}” is ready`);
    maker.replaceChildren(element("section", { class: "card flow", "aria-label": "Your new token" }, heading,
      notice("warning", element("p", {}, element("strong", {}, "It is shown only now. "), "Copy it to where it is used; whoever has it can read your account.")),
      element("div", { class: "secret-line" }, element("code", { class: "new-token" }, secret), copyButton("Copy", secret)),
      element("div", { class: "actions" }, element("button", { type: "button", class: "primary", onclick: () => { maker.replaceChildren(); create.focus(); } }, "Done"))));
    heading.focus();
    announce("Token created.");
    await load();
  }
}

function group(heading, words) {
  const list = element("ul", { class: "tokens" });
  const none = element("p", { class: "hint" }, "None.");
  const node = element("section", { class: "card" }, element("h2", {}, heading), element("p", { class: "hint" }, words), none, list);
  return { node, add(row) { none.remove(); list.append(row); } };
}

function end(token) {
  if (!token.expires_at) return "no end";
  return `${token.extend_when_used ? "ends if unused until" : "ends"} ${momentOf(token.expires_at)}`;
}

function choice(label, options, first) {
  const id = freshId("choice");
  const select = element("select", { id }, options.map((words, index) => element("option", { selected: index === first }, words)));
  return { select, node: element("div", { class: "field" }, element("label", { for: id }, label), select), get index() { return select.selectedIndex; } };
}
