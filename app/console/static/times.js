// @ts-check
// Dates, times and waits, in the language of the page: never in one that the sentence around them is not in.

import { spoken, words } from "./words.js";

/** @type {[Intl.RelativeTimeFormatUnit & string, number][]} */
const UNITS = [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** @param {string} text */
export const dateOf = (text) => written(text, { dateStyle: "long" });
/** @param {string} text */
export const momentOf = (text) => written(text, { dateStyle: "medium", timeStyle: "short" });
/** @param {string} text */
export const timeOf = (text) => written(text, { timeStyle: "short" });

/** @param {string} text @param {Intl.DateTimeFormatOptions} style */
function written(text, style) {
  return new Intl.DateTimeFormat(spoken.locale, style).format(new Date(text));
}

/** "3 minutes ago", "in 12 days" @param {string} text */
export function fromNow(text, now = Date.now()) {
  const seconds = (Date.parse(text) - now) / 1000;
  const size = Math.abs(seconds);
  if (size < 45) return seconds <= 0 ? words.justNow : words.inAMoment;
  const [unit, length] = UNITS.find(([, span]) => size >= span) ?? ["minute", 60];
  return new Intl.RelativeTimeFormat(spoken.locale, { numeric: "auto" }).format(Math.round(seconds / length), unit);
}

/** "30 minutes", "1 day": the largest unit that divides it. @param {number} seconds */
export function durationOf(seconds) {
  const [unit, length] = UNITS.slice(2).find(([, span]) => seconds % span === 0) ?? ["second", 1];
  return new Intl.NumberFormat(spoken.locale, { style: "unit", unit, unitDisplay: "long" }).format(seconds / length);
}

/** "14:05" for a wait: minutes and seconds. @param {number} seconds */
export function clockFace(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
