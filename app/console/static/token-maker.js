// @ts-check
// Creates a personal token, and shows its secret once.

import { api } from "./api.js";
import { copyButton } from "./copy.js";
import { announce, element, freshId, stressing } from "./dom.js";
import { field } from "./fields.js";
import { form } from "./form.js";
import { words } from "./words.js";

const TEXT = words.tokensView;

const DAY = 86_400;
/** @type {[keyof typeof TEXT.lifetimes, number | null][]} */
const LIFETIMES = [["week", 7 * DAY], ["month", 30 * DAY], ["quarter", 90 * DAY], ["year", 365 * DAY], ["none", null]];
const FIRST_CHOICE = 1;

/**
 * A button, and the panel that it opens. `hold` asks before an unsaved token is left.
 * @param {{ hold: (sentence: string | null) => void, created: () => void, started: () => void }} parts
 */
export function tokenMaker({ hold, created, started }) {
  const panel = element("div", { class: "said" });
  const button = element("button", { type: "button", class: "primary", onclick: open }, TEXT.create);
  return { button, panel, close };

  function close() {
    hold(null);
    panel.replaceChildren();
  }

  function closeByHand() {
    close();
    button.focus();
  }

  function open() {
    if (panel.querySelector(".new-token")) return panel.querySelector("h3")?.focus();
    started();
    const description = descriptionField({ hint: TEXT.descriptionHint });
    const scopes = field({
      name: "scopes", label: TEXT.scopes, hint: TEXT.scopesHint, autocomplete: "off", autocapitalize: "none",
      spellcheck: "false", check: (value) => (wordsOf(value).every(isScope) ? null : TEXT.scopesMalformed),
    });
    const addresses = field({
      name: "ip_allowlist", label: TEXT.addresses, hint: TEXT.addressesHint, autocomplete: "off",
      autocapitalize: "none", spellcheck: "false",
    });
    const lifetime = element("select", { id: freshId("lifetime") },
      LIFETIMES.map(([name], index) =>
        element("option", { selected: index === FIRST_CHOICE }, TEXT.lifetimes[name])));
    const chosen = () => LIFETIMES[lifetime.selectedIndex]?.[1] ?? null;
    const extend = element("input", { type: "checkbox", id: freshId("extend") });
    lifetime.addEventListener("change", () => { extend.disabled = chosen() === null; });
    const made = form({
      fields: [description, scopes, addresses], submit: TEXT.createAct,
      after: [
        element("div", { class: "field" }, element("label", { for: lifetime.id }, TEXT.lifetime), lifetime),
        element("div", { class: "check" }, extend, element("label", { for: extend.id }, TEXT.extend)),
      ],
      act: async () => showSecret(await api.createToken({
        description: description.value,
        ...withWords("scopes", scopes.value), ...withWords("ip_allowlist", addresses.value),
        ...withLifetime(chosen(), extend.checked),
      })),
      secondary: element("button", { type: "button", class: "link aside-link", onclick: closeByHand }, words.cancel),
    });
    panel.replaceChildren(element("section", { class: "flow inset", "aria-label": TEXT.create }, made.node));
    description.input.focus();
  }

  /** @param {import("./types.js").CreatedToken} answer */
  function showSecret({ access_token: secret, token }) {
    hold(TEXT.notSaved);
    const heading = element("h3", { tabindex: "-1" }, TEXT.ready(token.description ?? ""));
    const code = element("code", { class: "new-token" }, secret);
    created();
    panel.replaceChildren(element("section", { class: "flow inset", "aria-label": TEXT.newToken },
      heading,
      stressing("warning", TEXT.onlyNow, TEXT.copyIt),
      element("div", { class: "secret-line" }, code, copyButton(secret, code)),
      element("p", { class: "hint" }, TEXT.header, " ", element("code", {}, "Authorization: Bearer tkp_…")),
      element("div", { class: "actions" },
        element("button", { type: "button", class: "primary", onclick: closeByHand }, words.done))));
    heading.focus();
    announce(TEXT.tokenCreated);
  }
}

/** What a personal token is called. @param {Parameters<typeof field>[0]} [more] */
export const descriptionField = (more = {}) => field({
  name: "description", label: TEXT.description, wanted: TEXT.descriptionWanted, maxlength: "100", autocomplete: "off",
  sent: (value) => value.trim(), ...more,
});

/** @param {number | null} seconds @param {boolean} extend */
const withLifetime = (seconds, extend) =>
  (seconds === null ? {} : { max_age_seconds: seconds, extend_when_used: extend });

/** @param {string} text */
const wordsOf = (text) => text.split(/[\s,]+/).filter(Boolean);

/** What is left empty is no limit. @param {"scopes" | "ip_allowlist"} name @param {string} text */
const withWords = (name, text) => (wordsOf(text).length ? { [name]: wordsOf(text) } : {});

/** RFC 6749 §3.3. @param {string} word */
const isScope = (word) => /^[!#-[\]-~]+$/.test(word);
