// @ts-check
// A rough guess at how hard a password is to guess, for the meter that moves while somebody types. The server has the
// last word: it knows far more words than this page could carry, and answers why it refuses one.

const COMMON = [
  "password", "passwort", "qwerty", "azerty", "letmein", "welcome", "admin", "login", "iloveyou", "monkey", "dragon",
  "abc", "123", "secret", "summer", "winter", "changeme",
];

/**
 * A level from 0 to 4 and what would help; `context` holds what anybody could guess, such as the address.
 * @param {string} password @param {{ context?: string[], minLength?: number }} [options]
 * @returns {{ level: number, advice: "tooShort" | "common" | "longer" | null }}
 */
export function strengthOf(password, { context = [], minLength = 8 } = {}) {
  const lowered = password.toLowerCase();
  const own = context.flatMap((text) => text.toLowerCase().split(/[^a-z0-9]+/)).filter((word) => word.length > 3);
  const guessable = [...own, ...COMMON];
  const found = guessable.some((word) => lowered.includes(word));
  let rest = lowered;
  for (const word of guessable) rest = rest.replaceAll(word, "*");
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/].filter((kind) => kind.test(password)).length;
  const score = worth(rest) + (kinds - 1) * 1.5;
  if (password.length < minLength) return { level: password.length < minLength / 2 ? 0 : 1, advice: "tooShort" };
  const level = [6, 9, 12, 16].filter((enough) => score >= enough).length;
  if (level >= 4) return { level, advice: null };
  return { level, advice: found ? "common" : "longer" };
}

/**
 * Repeats and runs add almost nothing: "aaaa" and "2345" each count as one character and a bit.
 * @param {string} text
 */
function worth(text) {
  const points = [...text].map((character) => character.codePointAt(0) ?? 0);
  return points.filter((point, at) => at === 0 || Math.abs(point - (points[at - 1] ?? 0)) > 1).length;
}
