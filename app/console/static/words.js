// @ts-check
// The language that the page speaks: what the person chose who is logged in, else the first of the browser's that there
// is a translation for. Each language has a file of its own, of which a page loads the one that it needs.

import { session } from "./session.js";

/** @typedef {typeof import("./words/en.js").sentences} Words */

/** @type {Record<string, () => Promise<{ sentences: Words }>>} */
const LANGUAGES = {
  en: () => import("./words/en.js"),
  de: () => import("./words/de.js"),
};
const FALLBACK = "en";

/** The sentences. A section stays the same object whatever the language, so a module may keep the one that it is about.
 * @type {Words} */
export const words = /** @type {any} */ ({});
/** The language of the page as a tag, and the same with a region, for dates and numbers. */
export const spoken = { language: "", locale: "" };

await speak(session.locale);

/** Changes what `words` says from now on; what is on the screen already stays until it is drawn anew.
 * @param {string | null} preferred */
export async function speak(preferred) {
  const chosen = choose([preferred ?? "", ...globalThis.navigator?.languages ?? []]);
  const { sentences } = await (LANGUAGES[chosen.language] ?? LANGUAGES[FALLBACK])?.() ?? {};
  for (const [name, section] of Object.entries(sentences ?? {})) take(name, section);
  spoken.language = chosen.language;
  spoken.locale = chosen.region ?? words.region;
  if (globalThis.document) document.documentElement.lang = spoken.language;
}

/** Speaks the language of the person who is logged in. @param {{ locale: string | null }} account */
export async function speakTo(account) {
  session.locale = account.locale;
  await speak(account.locale);
}

/** @param {string} name @param {unknown} section */
function take(name, section) {
  const all = /** @type {Record<string, any>} */ (words);
  const isSection = typeof section === "object";
  all[name] = isSection ? Object.assign(all[name] ?? {}, section) : section;
}

/**
 * The language, and the region of it that is preferred, if any.
 * @param {readonly string[]} tags
 */
export function choose(tags) {
  const language = tags.map(languageOf).find((one) => Object.hasOwn(LANGUAGES, one)) ?? FALLBACK;
  return { language, region: tags.find((tag) => languageOf(tag) === language && tag.includes("-")) ?? null };
}

/** @param {string} tag */
function languageOf(tag) {
  return tag.toLowerCase().split("-")[0] ?? "";
}
