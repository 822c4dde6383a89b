// @ts-check
// The authenticators of an account, and what can be added to them.

import { api } from "./api.js";
import { addedOn, kindOf, lastUse, pictureOf } from "./authenticators.js";
import { announce, element, failure, skeleton } from "./dom.js";
import { explain } from "./explain.js";
import { icon } from "./icons.js";
import { Problem } from "./problem.js";
import { tellAccepted } from "./webauthn.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Authenticator} Authenticator */

const TEXT = words.authenticators;
const METHODS = "#/authentication-methods";

/** `on` is whether two-factor authentication is. @param {boolean} on */
export function authenticatorList(on) {
  const list = element("ul", { class: "tokens", "aria-label": TEXT.title });
  const foot = element("div", { class: "listing-foot" });
  void load();
  return element("section", { class: "card" },
    element("div", {}, element("h2", {}, TEXT.title), element("p", { class: "hint" }, on ? TEXT.hint : TEXT.hintOff)),
    list, foot,
    element("div", { class: "toolbar" },
      adding("phone", TEXT.addApp, on ? "add-app" : "enable"),
      adding("security-key", TEXT.addSecurityKey, "add-security-key"),
      adding("passkey", TEXT.addPasskey, "add-passkey")));

  async function load() {
    foot.replaceChildren(on ? skeleton() : "");
    try {
      const { items, signal } = await api.authenticators();
      list.replaceChildren(...items.map(row));
      foot.replaceChildren();
      if (signal) void tellAccepted(signal);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      foot.replaceChildren(failure(explain(problem), () => void load()));
      announce(explain(problem));
    }
  }
}

/** @param {string} picture @param {string} label @param {string} view */
const adding = (picture, label, view) =>
  element("a", { class: "button secondary small", href: `${METHODS}/${view}` }, icon(picture), label);

/** @param {Authenticator} authenticator */
function row(authenticator) {
  const { id, name, kind } = authenticator;
  const what = kindOf(authenticator);
  const used = lastUse(authenticator);
  return element("li", { class: "token" },
    element("span", { class: "method-picture" }, icon(pictureOf(authenticator))),
    element("div", { class: "token-words" },
      element("p", { class: "token-name" }, name),
      element("p", { class: "hint" }, what === name ? "" : `${what}. `, used ? TEXT.lastUsed(used) : TEXT.neverUsed,
        " ", TEXT.added(addedOn(authenticator)))),
    element("div", { class: "row-acts" },
      kind === "totp" && act(TEXT.replace, TEXT.replaceNamed(name), `${METHODS}/replace/${id}`),
      act(TEXT.manage, TEXT.manageNamed(name), `${METHODS}/authenticator/${id}`)));
}

/** @param {string} label @param {string} fullLabel @param {string} href */
const act = (label, fullLabel, href) =>
  element("a", { class: "button secondary small", href, "aria-label": fullLabel }, label);
