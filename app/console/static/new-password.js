// @ts-check
// A field for a password that is being chosen, with the meter that moves while one types.

import { config } from "./config.js";
import { announce, element, freshId } from "./dom.js";
import { field } from "./fields.js";
import { strengthOf } from "./strength.js";
import { words } from "./words.js";

const PAUSE_IN_MILLISECONDS = 1200;

/** `context` is what anybody could guess about the person, such as the address. @param {string[]} context */
export function newPasswordField(context, more = {}) {
  const minLength = config.password_min_length;
  const id = freshId("strength");
  const meter = element("meter", {
    min: "0", max: "4", low: "2", high: "3", optimum: "4", value: "0", "aria-labelledby": id,
  });
  const level = element("span", { id, class: "strength-words" }, words.newPassword.strength);
  const advice = element("span", { class: "strength-advice" });
  const made = field({
    name: "new_password", label: words.newPassword.label, wanted: words.newPassword.wanted, type: "password",
    autocomplete: "new-password", hint: words.newPassword.hint(minLength),
    after: element("div", { class: "strength" }, meter, element("p", {}, level, advice)), ...more,
  });
  let pause = 0;
  made.input.addEventListener("input", () => {
    clearTimeout(pause);
    const strength = strengthOf(made.input.value, { context, minLength });
    const empty = made.input.value === "";
    meter.value = empty ? 0 : strength.level || 0.4;
    const label = words.newPassword.levels[strength.level] ?? "";
    const help = empty || !strength.advice ? "" : adviceInWords(strength.advice, minLength);
    level.textContent = empty ? words.newPassword.strength : label;
    advice.textContent = help && ` · ${help}`;
    // Read out once the typing pauses, not at each key.
    if (!empty) pause = setTimeout(() => announce(words.newPassword.announced(label, help)), PAUSE_IN_MILLISECONDS);
  });
  return made;
}

/** @param {"tooShort" | "common" | "longer"} advice @param {number} minLength */
function adviceInWords(advice, minLength) {
  return advice === "tooShort" ? words.newPassword.tooShort(minLength) : words.newPassword[advice];
}
