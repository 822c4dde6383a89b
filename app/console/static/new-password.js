// A field for a password that is being chosen, with the meter that moves while one types.

import { announce, element, freshId } from "./dom.js";
import { field } from "./form.js";
import { strengthOf } from "./strength.js";

/** `context` is what anybody could guess about the person, such as the address. */
export function newPasswordField({ context = [], ...more } = {}) {
  const id = freshId("strength");
  const meter = element("meter", { min: "0", max: "4", low: "2", high: "3", optimum: "4", value: "0", "aria-labelledby": id });
  const words = element("span", { id, class: "strength-words" }, "Strength");
  const advice = element("span", { class: "strength-advice" });
  let pause = null;
  const made = field({
    name: "new_password", label: "New password", type: "password", autocomplete: "new-password",
    hint: "At least 8 characters. The strength shown here is a guide; the server decides, and says why when it refuses.",
    after: element("div", { class: "strength" }, meter, element("p", {}, words, advice)), ...more,
  });
  made.input.addEventListener("input", () => {
    const empty = made.input.value === "";
    const strength = strengthOf(made.input.value, context);
    meter.value = empty ? 0 : strength.level + (strength.level === 0 ? 0.4 : 0);
    words.textContent = empty ? "Strength" : strength.words;
    advice.textContent = empty || !strength.advice ? "" : ` · ${strength.advice}`;
    // Read out once the typing pauses, not at each key.
    clearTimeout(pause);
    if (!empty) pause = setTimeout(() => announce(`Password strength: ${strength.words}. ${strength.advice}`), 1200);
  });
  return made;
}
