// @ts-check
// The language that the page speaks: the first of the browser's that there is a translation for.

import { en } from "./words/en.js";

/** @type {Record<string, typeof en>} */
const LANGUAGES = { en };
const FALLBACK = "en";

const wanted = globalThis.navigator?.languages ?? [];

/** @param {string} tag */
const languageOf = (tag) => tag.toLowerCase().split("-")[0] ?? "";

/**
 * The language and, for dates and numbers, the region that the browser prefers of it.
 * @param {readonly string[]} tags
 */
export function choose(tags) {
  const language = tags.map(languageOf).find((one) => Object.hasOwn(LANGUAGES, one)) ?? FALLBACK;
  const sentences = LANGUAGES[language] ?? en;
  const region = tags.find((tag) => languageOf(tag) === language && tag.includes("-"));
  return { language, locale: region ?? sentences.region, words: sentences };
}

export const { language, locale, words } = choose(wanted);
