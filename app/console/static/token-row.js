// @ts-check
// One token in words, with what can be done to it: a personal one is renamed where it stands.

import { api } from "./api.js";
import { deviceOf, isPhone } from "./devices.js";
import { badge, element } from "./dom.js";
import { form } from "./form.js";
import { icon } from "./icons.js";
import { fromNow, momentOf } from "./times.js";
import { descriptionField } from "./token-maker.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Token} Token */

const TEXT = words.tokensView;

/**
 * `act` is called with the token's name to revoke it, or to log out of it; `renamed` with its new name.
 * @param {Token} token @param {{ renamed: (name: string) => void, act: (name: string) => void }} parts
 */
export function tokenRow(token, { renamed, act }) {
  const item = element("li", { class: "token" });
  draw(token);
  return item;

  /** @param {Token} current */
  function draw(current) {
    const isSession = current.kind === "session";
    const name = isSession ? deviceOf(current.user_agent) : current.description ?? "";
    const since = sinceWhen(current);
    const rename = !isSession && element("button", {
      type: "button", class: "secondary small", "aria-label": TEXT.renameNamed(name), onclick: () => edit(current),
    }, TEXT.rename);
    item.replaceChildren(
      element("span", { class: "method-picture" }, icon(isSession ? pictureOf(current) : "key")),
      element("div", { class: "token-words" },
        element("p", { class: "token-name", title: current.user_agent }, name,
          current.current && badge("good", TEXT.thisSession)),
        element("p", { class: "hint" }, `${use(current)}.`),
        element("p", { class: "hint" }, `${since}${isSession ? "" : `; ${end(current)}`}.`),
        limits(current).map((limit) => element("p", { class: "hint" }, limit))),
      element("div", { class: "row-acts" },
        rename,
        element("button", {
          type: "button", class: "secondary small",
          "aria-label": current.current ? TEXT.logOutHere : TEXT.revokeNamed(name, since), onclick: () => act(name),
        }, current.current ? words.logOut : TEXT.revoke)));
    return rename;
  }

  /** @param {Token} current */
  function edit(current) {
    /** @param {Token} token */
    const back = (token) => {
      const button = draw(token);
      if (button) button.focus();
    };
    const description = descriptionField({ value: current.description ?? "" });
    const made = form({
      fields: [description], submit: TEXT.saveName,
      act: async () => {
        const changed = await api.renameToken(current.id, description.value);
        back(changed);
        renamed(changed.description ?? "");
      },
      secondary: element("button", { type: "button", class: "link aside-link", onclick: () => back(current) },
        words.cancel),
    });
    item.replaceChildren(element("div", { class: "token-words" }, made.node));
    description.input.focus();
    description.input.select();
  }
}

/** @param {Token} token */
const pictureOf = ({ user_agent }) => (isPhone(user_agent) ? "phone" : "device");

/** @param {Token} token */
function sinceWhen({ kind, created_at, amr }) {
  const moment = momentOf(created_at);
  return kind === "session" ? TEXT.loggedIn(moment, amr) : TEXT.created(moment);
}

/** @param {Token} token */
function use({ kind, last_used_at, last_used_ip, last_used_user_agent }) {
  if (!last_used_at) return kind === "session" ? TEXT.notUsedYet : TEXT.neverUsed;
  const device = kind === "personal" && last_used_user_agent ? deviceOf(last_used_user_agent) : null;
  return TEXT.lastUsed(fromNow(last_used_at), last_used_ip, device);
}

/** @param {Token} token */
const limits = ({ scopes, ip_allowlist }) => [
  scopes?.length ? TEXT.hasScopes(scopes) : null, ip_allowlist && TEXT.worksFrom(ip_allowlist),
].filter((limit) => limit !== null);

/** @param {Token} token */
function end({ expires_at, extend_when_used }) {
  if (!expires_at) return TEXT.noEnd;
  const moment = momentOf(expires_at);
  return extend_when_used ? TEXT.endsUnused(moment) : TEXT.ends(moment);
}
