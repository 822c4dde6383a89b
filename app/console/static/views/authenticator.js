// @ts-check
// One authenticator: what it is, its name, its replacement and its removal.

import { api } from "../api.js";
import { addedOn, kindOf, lastUse } from "../authenticators.js";
import { announce, element, failure, linkTo, notice, skeleton, stressing } from "../dom.js";
import { others } from "../events.js";
import { explain } from "../explain.js";
import { nameField, passwordAgain, usernameFor } from "../fields.js";
import { form } from "../form.js";
import { Problem } from "../problem.js";
import { METHODS } from "../second-factor-pages.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Authenticator} Authenticator */

const TEXT = words.authenticatorView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show({ main, account, go, id, retitle }) {
  const place = element("div", { class: "groups" }, element("div", { class: "card" }, skeleton()));
  main.append(place);
  void load();

  async function load() {
    try {
      const { items } = await api.authenticators();
      const found = items.find((one) => one.id === id);
      if (found) draw(found, items.length === 1);
      else go(METHODS, notice("info", element("p", {}, words.problems.not_found)), { replace: true });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      place.replaceChildren(failure(explain(problem), () => void load()));
      announce(explain(problem));
    }
  }

  /** @param {Authenticator} authenticator @param {boolean} only */
  function draw(authenticator, only) {
    retitle(authenticator.name);
    place.replaceChildren(
      facts(authenticator),
      renaming(authenticator),
      authenticator.kind === "totp" ? replacing(authenticator) : "",
      only ? lastOne() : removing(authenticator));
  }

  /** @param {Authenticator} authenticator */
  function renaming(authenticator) {
    const status = element("div", { class: "said" });
    const name = nameField({ value: authenticator.name });
    const made = form({
      fields: [name], submit: TEXT.rename, tone: "secondary",
      act: async () => {
        status.replaceChildren();
        const renamed = await api.renameAuthenticator(authenticator.id, name.value);
        retitle(renamed.name);
        status.replaceChildren(notice("success", element("p", {}, TEXT.renamed(renamed.name))));
        announce(TEXT.renamed(renamed.name));
      },
    });
    return element("section", { class: "card flow" },
      element("h2", {}, TEXT.nameTitle), made.node, status);
  }

  /** @param {Authenticator} authenticator */
  function removing({ id: one, name }) {
    const password = passwordAgain({ "data-first": false });
    const made = form({
      fields: [password], submit: TEXT.remove, tone: "danger quiet-danger",
      before: [usernameFor(account.email), notice("warning", element("p", {}, TEXT.removeConsequence))],
      act: async () => {
        const { revoked } = await api.removeAuthenticator(one, password.value);
        const ended = words.alsoEnded(others(revoked));
        go(METHODS, stressing("success", TEXT.removed(name), ended), { replace: true });
      },
    });
    return element("section", { class: "card flow" },
      element("h2", {}, TEXT.removeTitle), made.node);
  }
}

/** @param {Authenticator} authenticator */
function facts(authenticator) {
  /** @type {[string, string][]} */
  const rows = [
    [TEXT.kind, kindOf(authenticator)], [TEXT.added, addedOn(authenticator)],
    [TEXT.lastUse, lastUse(authenticator) ?? TEXT.never],
  ];
  return element("section", { class: "card", "aria-label": TEXT.title }, element("dl", { class: "facts" },
    rows.map(([term, words]) => element("div", {}, element("dt", {}, term), element("dd", {}, words)))));
}

/** @param {Authenticator} authenticator */
function replacing({ id }) {
  return element("section", { class: "card suggestion" },
    element("div", {}, element("h2", {}, TEXT.replaceTitle), element("p", {}, TEXT.replaceHint)),
    element("a", { class: "button primary", href: `#${METHODS}/replace/${id}` }, TEXT.replace));
}

function lastOne() {
  return element("section", { class: "card flow" }, element("h2", {}, TEXT.removeTitle),
    element("p", {}, TEXT.lastOne(linkTo(`#${METHODS}/disable`))));
}
