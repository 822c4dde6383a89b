// One manner for every form of the console: labels, hints and errors tied to their field, one request at a time, every
// refusal said beside the field that it is about, a countdown when the server asks to wait, and a way to try again.

import { Problem } from "./api.js";
import { announce, element, freshId, notice } from "./dom.js";
import { clockFace, explain, roughly } from "./words.js";

/** A labelled input. `check(value)` returns what is wrong with it, or nothing. */
export function field({ name, label, hint = null, check = null, value = "", after = null, ...attributes }) {
  const id = freshId(name);
  const hintId = hint ? `${id}-hint` : null;
  const errorId = `${id}-error`;
  const input = element("input", { id, name, value, type: "text", "aria-describedby": hintId, ...attributes });
  const error = element("p", { class: "field-error", id: errorId, hidden: true });
  const node = element("div", { class: "field" },
    element("label", { for: id }, label),
    hint && element("p", { class: "hint", id: hintId }, hint),
    attributes.type === "password" ? withReveal(input) : input,
    after, error);
  return {
    name, node, input,
    get value() { return input.value; },
    problem() {
      if (!input.value.trim()) return `Enter ${attributes["data-asks-for"] ?? `your ${label.toLowerCase()}`}.`;
      return check?.(input.value) ?? null;
    },
    say(words) {
      error.textContent = words;
      error.hidden = !words;
      input.toggleAttribute("aria-invalid", false);
      if (words) input.setAttribute("aria-invalid", "true");
      const described = [hintId, words && errorId].filter(Boolean).join(" ");
      if (described) input.setAttribute("aria-describedby", described);
      else input.removeAttribute("aria-describedby");
      if (words) input.focus();
    },
  };
}

function withReveal(input) {
  const button = element("button", { type: "button", class: "reveal", "aria-pressed": "false", onclick: reveal }, "Show");
  button.setAttribute("aria-label", "Show password");
  function reveal() {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(shown));
  }
  return element("div", { class: "input-with-button" }, input, button);
}

export const emailField = (more = {}) => field({
  name: "email", label: "Email address", type: "email", autocomplete: "username", inputmode: "email", autocapitalize: "none", spellcheck: "false",
  check: (value) => (/^\S+@\S+$/.test(value.trim()) ? null : "Enter an email address, such as name@example.com."), ...more,
});

export const passwordField = (more = {}) =>
  field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", ...more });

/** Six digits, however they were grouped when pasted. */
export function codeField(more = {}) {
  const made = field({
    name: "code", label: "Confirmation code", autocomplete: "one-time-code", inputmode: "numeric", class: "code", spellcheck: "false", "data-asks-for": "the six digits",
    check: (value) => (/^[0-9]{6}$/.test(value) ? null : "The code has six digits."), ...more,
  });
  made.input.addEventListener("input", () => {
    const digits = made.input.value.replace(/[^0-9]/g, "").slice(0, 6);
    if (made.input.value !== digits) made.input.value = digits;
  });
  return made;
}

export function recoveryCodeField(more = {}) {
  const made = field({
    name: "code", label: "Recovery code", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", class: "code long", "data-asks-for": "a recovery code",
    check: (value) => (/^[A-Z2-7]{24}$/i.test(value.replace(/[\s-]/g, "")) ? null : "A recovery code has 24 letters and digits, such as ABCD-EFGH-…"),
    ...more,
  });
  return Object.defineProperty(made, "value", { get: () => made.input.value.replace(/[\s-]/g, "") });
}

/** Tells a password manager whose password this is, where the address is not asked for. */
export function usernameFor(email) {
  return element("input", {
    type: "text", autocomplete: "username", value: email, readonly: true, class: "visually-hidden", tabindex: "-1", "aria-hidden": "true",
  });
}

// Which field a refusal is about. Everything else is said above the button.
const FIELDS = {
  invalid_credentials: "password", wrong_password: ["current_password", "password"], weak_password: "new_password",
  invalid_code: "code", second_factor_required: "code",
};

/**
 * A form that hands its values to `act` and shows the Problem that comes back.
 * `refused(problem)` may deal with one itself by returning true.
 */
export function form({ fields, act, submit, tone = "primary", before = [], after = [], secondary = [], refused = () => false }) {
  const status = element("div", { class: "form-status", role: "alert" });
  const button = element("button", { type: "submit", class: tone }, submit);
  const node = element("form", { novalidate: true, onsubmit: send },
    before, fields.map((one) => one.node), after, status,
    element("div", { class: "actions" }, button, secondary));
  let busy = false;
  let waiting = null;

  async function send(happening) {
    happening?.preventDefault();
    if (busy || waiting) return;
    clear();
    if (!complete()) return;
    setBusy(true);
    try {
      await act(Object.fromEntries(fields.map((one) => [one.name, one.value])));
    } catch (failure) {
      if (!(failure instanceof Problem)) throw failure;
      if (node.isConnected && !refused(failure)) show(failure);
    } finally {
      setBusy(false);
    }
  }

  function complete() {
    const wrong = fields.map((one) => [one, one.problem()]).filter(([, words]) => words);
    for (const [one, words] of wrong.reverse()) one.say(words); // The first one is said last, and keeps the focus.
    return wrong.length === 0;
  }

  function clear() {
    for (const one of fields) one.say("");
    status.replaceChildren();
  }

  function setBusy(now) {
    busy = now;
    // Not `disabled`: that would drop the keyboard's place on the page.
    button.setAttribute("aria-disabled", String(busy || waiting !== null));
    button.classList.toggle("busy", busy);
  }

  function show(problem) {
    if (problem.status === 429) return wait(problem);
    const named = problem.errors.map((error) => error.pointer.replace(/^\//, ""));
    const one = fields.find(({ name }) => [FIELDS[problem.code] ?? named].flat().includes(name));
    if (one) {
      one.say(explain(problem));
      if (["wrong_password", "invalid_credentials", "invalid_code"].includes(problem.code)) one.input.select();
    } else if (["no_answer", "unavailable", "overloaded", "unexpected"].includes(problem.code)) {
      status.append(notice("warning", element("p", {}, explain(problem)),
        element("button", { type: "button", class: "secondary small", onclick: () => send() }, "Try again")));
    } else {
      status.append(notice("danger", element("p", {}, explain(problem))));
    }
  }

  function wait(problem) {
    // Without a Retry-After, a minute is what the shortest limit lasts.
    const until = Date.now() + (problem.retryAfter ?? 60) * 1000;
    const left = () => Math.max(0, Math.ceil((until - Date.now()) / 1000));
    const face = element("span", { class: "countdown" }, clockFace(left()));
    status.append(notice("warning",
      element("p", {}, explain(problem), " ", element("span", { class: "visually-hidden" }, `You can try again in ${roughly(left())}.`),
        element("span", { "aria-hidden": "true" }, "You can try again in ", face, "."))));
    waiting = setInterval(() => {
      face.textContent = clockFace(left());
      if (left() > 0 && node.isConnected) return;
      clearInterval(waiting);
      waiting = null;
      setBusy(busy);
      status.replaceChildren();
      if (node.isConnected) {
        status.append(notice("info", element("p", {}, "You can try again now.")));
        announce("You can try again now.");
      }
    }, 250);
    setBusy(busy);
  }

  return { node, send, fields, status };
}
