// @ts-check
// What device a User-Agent belongs to, as well as such a thing can be guessed.

import { words } from "./words.js";

/** @type {[RegExp, string][]} */
const PROGRAMS = [
  [/Edg(e|A|iOS)?\//, "Edge"], [/OPR\//, "Opera"], [/SamsungBrowser\//, "Samsung Internet"],
  [/Firefox\/|FxiOS\//, "Firefox"], [/Chrome\/|CriOS\//, "Chrome"], [/Safari\//, "Safari"],
  [/^curl\//, "curl"], [/^python-|^Python/, "Python"],
];
/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Android/, "Android"], [/Windows/, "Windows"], [/CrOS/, "ChromeOS"],
  [/Mac OS X|Macintosh/, "macOS"], [/Linux/, "Linux"],
];

/** "Firefox on Windows" @param {string | null} userAgent */
export function deviceOf(userAgent) {
  if (!userAgent) return words.unknownDevice;
  const program = first(PROGRAMS, userAgent) ?? (userAgent.split(/[\s/]/)[0] ?? "").slice(0, 40);
  const system = first(SYSTEMS, userAgent);
  return system ? words.programOn(program, system) : program;
}

/** @param {string | null} userAgent */
export const isPhone = (userAgent) => /iPhone|Android.*Mobile/.test(userAgent ?? "");

/** @param {[RegExp, string][]} list @param {string} userAgent */
function first(list, userAgent) {
  return list.find(([pattern]) => pattern.test(userAgent))?.[1];
}
