// @ts-check
// A refusal of the API as a sentence: what happened, and what to do next.

import { spoken, words } from "./words.js";

/** @typedef {import("./types.js").Problem} Problem */

/** @type {Record<string, string | ((problem: Problem) => string)>} */
const SENTENCES = words.problems;

/**
 * `as` names a more exact reason than the server gives, where the page knows one: `invalid_recovery_code` after a
 * recovery code was sent.
 * @param {Problem} problem @param {string} [as]
 */
export function explain(problem, as = problem.code) {
  if (problem.code === "invalid_request" && problem.errors.length) {
    return problem.errors.map((error) => asTold(error.message)).join(" ") || words.problems.invalid_request;
  }
  if (problem.code === "weak_password") return asTold(problem.detail) || words.problems.weak_password;
  if (problem.code === "no_answer" && globalThis.navigator?.onLine === false) return words.problems.offline;
  const found = Object.hasOwn(SENTENCES, as) ? SENTENCES[as] : undefined;
  if (typeof found === "function") return found(problem);
  return found ?? (asTold(problem.detail) || words.problems.unexpected);
}

/** What the server says, as a sentence; "" where the page speaks another language than the server.
 * @param {string} text */
function asTold(text) {
  if (!text || spoken.language !== "en") return "";
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
