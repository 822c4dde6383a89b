// A rough guess at how hard a password is to guess, for the meter that moves while somebody types. The server has the last
// word: it knows far more words than this page could carry, and answers why it refuses one.

const COMMON = ["password", "passwort", "qwerty", "azerty", "letmein", "welcome", "admin", "login", "iloveyou", "monkey", "dragon", "abc", "123", "secret", "summer", "winter", "changeme"];

const LEVELS = ["Very weak", "Weak", "Fair", "Good", "Strong"];

/** `{ level: 0..4, words, advice }`; `context` holds what anybody could guess, such as the address. */
export function strengthOf(password, context = []) {
  const lowered = password.toLowerCase();
  const guessable = [...COMMON, ...context.flatMap((text) => text.toLowerCase().split(/[^a-z0-9]+/)).filter((word) => word.length > 3)];
  const found = guessable.find((word) => lowered.includes(word));
  let rest = lowered;
  for (const word of guessable) rest = rest.replaceAll(word, "*");
  // Repeats and runs add almost nothing: "aaaa" and "2345" each count as one character and a bit.
  const worth = [...rest].filter((character, at, all) => {
    const step = at ? character.codePointAt(0) - all[at - 1].codePointAt(0) : null;
    return step === null || Math.abs(step) > 1;
  }).length;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/].filter((kind) => kind.test(password)).length;
  const score = worth + (kinds - 1) * 1.5;
  const level = password.length < 8 ? (password.length < 5 ? 0 : 1) : [6, 9, 12, 16].filter((enough) => score >= enough).length;
  return { level, words: LEVELS[level], advice: advice(level, password, found) };
}

function advice(level, password, found) {
  if (level >= 4) return "";
  if (password.length < 8) return "Use at least 8 characters.";
  if (found) return "Avoid common words and your own address.";
  return "Longer is stronger: three or four words that don't belong together do well.";
}
