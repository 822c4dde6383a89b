// @ts-check
// The language of a person, chosen where the account is shown.

import { api } from "./api.js";
import { config } from "./config.js";
import { announce, element } from "./dom.js";
import { explain } from "./explain.js";
import { Problem } from "./problem.js";
import { speakTo, words } from "./words.js";

const TEXT = words.userView;

/** Calls `changed` when the page speaks the new one. @param {import("./types.js").Account} account
 * @param {() => void} changed */
export function languagePicker({ locale }, changed) {
  const known = locale === null ? "" : nearest(locale);
  const status = element("span", { class: "hint" }, TEXT.languageHint);
  const picker = element("select", { "aria-label": TEXT.language, onchange: save },
    locale === null && element("option", { value: "", disabled: true, selected: true }, TEXT.languageOfBrowser),
    config.locales.map((tag) => element("option", { value: tag, lang: tag, selected: tag === known }, nameOf(tag))));
  return [picker, status];

  async function save() {
    try {
      await speakTo(await api.changeLocale(picker.value));
      changed();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      picker.value = known;
      status.textContent = explain(problem);
      announce(status.textContent);
    }
  }
}

/** The language that emails are in for somebody who reads this one. @param {string} locale */
function nearest(locale, locales = config.locales) {
  for (let tag = locale; tag; tag = tag.slice(0, Math.max(0, tag.lastIndexOf("-")))) {
    const found = locales.find((one) => one.toLowerCase() === tag.toLowerCase());
    if (found) return found;
  }
  return locales[0] ?? "en";
}

/** In that language itself: whoever looks for it may read no other. @param {string} tag */
function nameOf(tag) {
  return new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
}
