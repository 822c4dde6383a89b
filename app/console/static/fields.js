// @ts-check
// The fields of the forms: a label, a hint and an error that are tied to their input.

import { isAppCode, isRecoveryCode, plainCode } from "./codes.js";
import { announce, element, freshId } from "./dom.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */
/** @typedef {import("./types.js").Field} Field */

/**
 * `check` returns what is wrong with a value, or null; `sent` makes what is sent of what was entered. Everything else
 * becomes an attribute of the input. Without `wanted` the field may stay empty.
 * @typedef {{
 *   name?: string, label?: string, wanted?: string, hint?: string | null, value?: string, after?: Children,
 *   check?: (value: string) => string | null, sent?: (value: string) => string, [attribute: string]: any,
 * }} FieldParts
 */

/** @param {FieldParts} parts @returns {Field} */
export function field({
  name = "field", label = "", wanted = "", hint = null, value = "", after = null, check = () => null,
  sent = (text) => text, ...attributes
}) {
  const id = freshId(name);
  const hintId = hint ? `${id}-hint` : null;
  const errorId = `${id}-error`;
  const input = element("input", {
    id, name, value, type: "text", "aria-describedby": hintId, "aria-required": String(wanted !== ""), ...attributes,
  });
  const error = element("p", { class: "field-error", id: errorId, hidden: true });
  const node = element("div", { class: "field" },
    element("label", { for: id }, label),
    hint && element("p", { class: "hint", id: hintId }, hint),
    attributes.type === "password" ? withReveal(input, label) : input,
    after, error);
  return {
    name, node, input,
    get value() { return sent(input.value); },
    problem() {
      if (input.value.trim()) return check(input.value);
      return wanted && words.form.enter(wanted) || null;
    },
    say(sentence) {
      error.textContent = sentence;
      error.hidden = !sentence;
      if (sentence) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      const described = [hintId, sentence && errorId].filter(Boolean).join(" ");
      if (described) input.setAttribute("aria-describedby", described);
      else input.removeAttribute("aria-describedby");
      if (!sentence) return;
      input.focus();
      // Nothing moves for a screen reader where the field had the focus already.
      announce(sentence);
    },
  };
}

/** @param {HTMLInputElement} input @param {string} label */
function withReveal(input, label) {
  const button = element("button", { type: "button", class: "reveal", onclick: () => show(input.type === "password") });
  show(false);
  // What was revealed is hidden again before the browser or the person goes on.
  queueMicrotask(() => input.form?.addEventListener("submit", () => show(false)));
  return element("div", { class: "input-with-button" }, input, button);

  /** @param {boolean} revealed */
  function show(revealed) {
    input.type = revealed ? "text" : "password";
    button.textContent = revealed ? words.form.hide : words.form.show;
    button.setAttribute("aria-label", words.form.reveal(button.textContent, label));
  }
}

/** @param {FieldParts} [more] */
export const emailField = (more = {}) => field({
  name: "email", label: words.form.email, wanted: words.form.emailWanted, type: "email", autocomplete: "username",
  inputmode: "email", autocapitalize: "none", spellcheck: "false", maxlength: "254", sent: (value) => value.trim(),
  check: (value) => (/^\S+@\S+$/.test(value.trim()) ? null : words.form.emailMalformed), ...more,
});

/** @param {FieldParts} [more] */
export const passwordField = (more = {}) => field({
  name: "password", label: words.form.password, wanted: words.form.passwordWanted, type: "password",
  autocomplete: "current-password", ...more,
});

/** The password once more, before a change. @param {FieldParts} [more] */
export const passwordAgain = (more = {}) => passwordField({ hint: words.form.toBeSure, "data-first": true, ...more });

/** What an authenticator is called. @param {FieldParts} [more] */
export const nameField = (more = {}) => field({
  name: "name", label: words.form.name, wanted: words.form.nameWanted, hint: words.form.nameHint, maxlength: "64",
  autocomplete: "off", sent: (value) => value.trim(), ...more,
});

/**
 * Six digits, however they were grouped when pasted. `complete` is called with the sixth, but never for the same code
 * twice in a row; `otherwise` with a recovery code that was pasted here, which as a wrong code would cost an attempt.
 * @param {FieldParts & { complete?: () => void, otherwise?: (code: string) => void }} [more]
 */
export function codeField({ complete, otherwise, ...more } = {}) {
  const made = field({
    name: "code", label: words.form.code, wanted: words.form.codeWanted, autocomplete: "one-time-code",
    inputmode: "numeric", class: "code", spellcheck: "false", sent: plainCode,
    check: (value) => (isAppCode(value) ? null : words.form.codeMalformed), ...more,
  });
  let before = "";
  made.input.addEventListener("input", () => {
    const value = plainCode(made.input.value);
    const same = value === before;
    before = value;
    if (isAppCode(value) && !same) complete?.();
    if (otherwise && isRecoveryCode(value)) otherwise(value);
    else if (/^[0-9]*$/.test(value) && made.input.value !== value.slice(0, 6)) made.input.value = value.slice(0, 6);
  });
  return made;
}

/** A recovery code, or the six digits of the app: which of them it is needs no asking. @param {FieldParts} [more] */
export const recoveryCodeField = (more = {}) => field({
  name: "code", label: words.form.recoveryCode, wanted: words.form.recoveryCodeWanted, autocomplete: "off",
  autocapitalize: "characters", spellcheck: "false", class: "code long", sent: plainCode,
  check: (value) => (isRecoveryCode(value) || isAppCode(value) ? null : words.form.recoveryCodeMalformed), ...more,
});

/** @param {FieldParts} [more] */
export const anyCodeField = (more = {}) => recoveryCodeField({
  label: words.form.anyCode, wanted: words.form.anyCodeWanted, autocomplete: "one-time-code",
  check: (value) => (isRecoveryCode(value) || isAppCode(value) ? null : words.form.anyCodeMalformed), ...more,
});

/** Tells a password manager whose password this is, where the address is not asked for. @param {string} email */
export function usernameFor(email) {
  return element("input", {
    type: "text", autocomplete: "username", value: email, readonly: true, class: "visually-hidden", tabindex: "-1",
    "aria-hidden": "true",
  });
}
