// @ts-check
// A field for a password that is being chosen, with a meter: the service judges once the typing pauses, as it will when
// the password is sent.

import { api } from "./api.js";
import { config } from "./config.js";
import { announce, element, freshId } from "./dom.js";
import { explain } from "./explain.js";
import { field } from "./fields.js";
import { Problem } from "./problem.js";
import { words } from "./words.js";

/** @typedef {{ level: number, advice: string }} Judgement */

const TEXT = words.newPassword;
const PAUSE_IN_MILLISECONDS = 500;
const STRONG = 4;
const GOOD = 3;
const WEAK = 1;
/** Of the lowest level, so that the meter shows something. */
const A_LITTLE = 0.4;

/** Whoever chooses it has this address, which nobody should guess it by.
 * @param {string} email @param {{ value?: string }} [more] */
export function newPasswordField(email, more = {}) {
  const minLength = config.password_min_length;
  const id = freshId("strength");
  const meter = element("meter", {
    min: "0", max: String(STRONG), low: "2", high: String(GOOD), optimum: String(STRONG), value: "0",
    "aria-labelledby": id,
  });
  const level = element("span", { id, class: "strength-words" }, TEXT.strength);
  const advice = element("span", { class: "strength-advice" });
  const made = field({
    name: "new_password", label: TEXT.label, wanted: TEXT.wanted, type: "password", autocomplete: "new-password",
    hint: TEXT.hint(minLength), after: element("div", { class: "strength" }, meter, element("p", {}, level, advice)),
    ...more,
  });
  let pause = 0;
  made.input.addEventListener("input", () => {
    clearTimeout(pause);
    const password = made.input.value;
    const short = password.length < minLength ? { level: 0, advice: TEXT.tooShort(minLength) } : null;
    show(password === "" ? null : short);
    if (password !== "") pause = setTimeout(() => void settle(password, short), PAUSE_IN_MILLISECONDS);
  });
  return made;

  /** @param {string} password @param {Judgement | null} known */
  async function settle(password, known) {
    const judgement = known ?? await judge(password, email);
    if (made.input.value !== password || !judgement) return;
    show(judgement);
    announce(TEXT.announced(TEXT.levels[judgement.level] ?? "", judgement.advice));
  }

  /** @param {Judgement | null} judgement */
  function show(judgement) {
    meter.value = judgement ? judgement.level || A_LITTLE : 0;
    level.textContent = judgement ? TEXT.levels[judgement.level] ?? "" : TEXT.strength;
    advice.textContent = judgement?.advice ? ` · ${judgement.advice}` : "";
  }
}

/** Null where the service can't tell now: it will when the password is sent.
 * @param {string} password @param {string} email @returns {Promise<Judgement | null>} */
async function judge(password, email) {
  try {
    const { acceptable, score, message } = await api.judgePassword(password, email);
    if (acceptable) return { level: score, advice: score < GOOD ? TEXT.longer : "" };
    const refusal = new Problem("weak_password", 422, null, { detail: message });
    return { level: Math.min(score, WEAK), advice: explain(refusal) };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return null;
  }
}
