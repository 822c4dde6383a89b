// The languages of the console say the same, and nothing is said outside of their files.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { sentences as de } from "../../app/console/static/words/de.js";
import { sentences as en } from "../../app/console/static/words/en.js";

const STATIC = new URL("../../app/console/static/", import.meta.url);

/** Stands for whatever a sentence takes in: a number, a link, a refusal. @param {string} mark */
const anything = (mark) => new Proxy(() => {}, {
  get: (_, name) => {
    if (name === Symbol.toPrimitive) return () => mark;
    return name === Symbol.iterator ? undefined : anything(mark);
  },
  apply: () => anything(mark),
});
const MARKS = ["⟦0⟧", "⟦1⟧", "⟦2⟧"];

/** Each sentence by its path, with the marks of what it takes in. */
function* placeholders(section, path = "") {
  for (const [name, value] of Object.entries(section)) {
    const here = `${path}/${name}`;
    if (typeof value === "object" && !Array.isArray(value)) yield* placeholders(value, here);
    else yield [here, marksIn(typeof value === "function" ? value(...MARKS.map(anything)) : value)];
  }
}

/** @param {any} said */
function marksIn(said) {
  const text = Array.isArray(said) ? said.map(String).join("") : String(said);
  return MARKS.filter((mark) => text.includes(mark));
}

test("both languages have the same sentences, which take in the same", () => {
  assert.deepEqual([...placeholders(de)], [...placeholders(en)]);
  const [before, ...others] = ["en", "de"].map((one) => JSON.parse(read(`words/${one}.json`)));
  for (const other of others) assert.deepEqual(Object.keys(other), Object.keys(before));
});

test("a language counts as its speakers do", () => {
  const ended = { sessions: 1, personal_tokens: 2 };
  assert.equal(en.whatEnded(ended), "1 session and 2 personal tokens");
  assert.equal(de.whatEnded(ended), "1 Sitzung und 2 persönliche Tokens");
  assert.equal(de.whatEnded({ sessions: 0, personal_tokens: 0 }), "");
  assert.match(de.tokensView.loggedIn("heute", ["pwd", "otp"]), /mit Passwort und Code aus der App$/);
  assert.match(de.problems.invalid_code({ attemptsRemaining: 1, clockSkewSeconds: -120 }), /2 Minuten nach.*1 Versuch\.$/);
});

test("the German sentences use one word for one thing", () => {
  const other = /Zwei-Faktor-Auth|Zweifaktor|2FA|Backup-?Code|Notfallcode|Hauptschlüssel|\b[Dd]ein|\b[Ee]inloggen|\bLogin/;
  for (const file of ["words/de.js", "words/de.json"]) assert.doesNotMatch(read(file), other, file);
});

test("nothing is said outside of the files of the languages", () => {
  // The names of programs and systems are the same in every language.
  const files = readdirSync(STATIC, { recursive: true }).filter((name) => !/^words|^devices\.js$/.test(name));
  const said = files.flatMap((name) => [...textsIn(name)].map((text) => `${name}: ${text}`));
  assert.deepEqual(said, []);
});

/** @param {string} name */
function* textsIn(name) {
  if (name.endsWith(".html")) {
    for (const [, text] of read(name).matchAll(/>([^<>{}]*\p{L}[^<>{}]*)</gu)) yield text;
  } else if (name.endsWith(".js")) {
    const code = read(name).replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$|\s\/\/ .*$/gm, "");
    for (const [, quoted, template] of code.matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)) {
      const text = quoted ?? template ?? "";
      if (isSaid(text) && !isName(text)) yield text;
    }
  }
}

/** Sentences and labels begin with a capital or end as a sentence does. @param {string} text */
const isSaid = (text) => /^\s*\p{Lu}\p{Ll}|\p{L}{2}[.!?…:]\s*$|(\p{L}+ ){4}/u.test(text);

/** Headers, and the errors of browsers. @param {string} text */
const isName = (text) => /^(Accept|Content-Type|Retry-After|Authorization: Bearer tkp_…|Bearer \$\{token\}|[A-Z]\w+Error)$/
  .test(text);

/** @param {string} name */
function read(name) {
  return readFileSync(new URL(name, STATIC), "utf-8");
}
