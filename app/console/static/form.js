// @ts-check
// The conventions of every form of the console: one request at a time, every refusal said beside the field that it is
// about, a countdown when the server asks to wait, and a way to try again.

import { announce, element, failure, notice } from "./dom.js";
import { explain } from "./explain.js";
import { Problem } from "./problem.js";
import { clockFace } from "./times.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */
/** @typedef {import("./types.js").Field} Field */

// Which field a refusal is about. Everything else is said above the button.
/** @type {Record<string, string[]>} */
const FIELDS = {
  invalid_credentials: ["password"], wrong_password: ["current_password", "password"], weak_password: ["new_password"],
  invalid_code: ["code"], second_factor_required: ["code"],
};
const WORTH_ANOTHER_TRY = ["no_answer", "unavailable", "overloaded", "unexpected"];
/** Somebody changed their mind: nothing has gone wrong. */
const CALM = ["credential_cancelled", "reauthentication_required"];
const RETYPED = ["wrong_password", "invalid_credentials", "invalid_code"];

/**
 * A form that hands its values to `act` and shows the Problem that comes back. `refused(problem)` may deal with one
 * itself by returning true; `reason(problem)` may name a more exact one than the server did (explain.js).
 * @param {{
 *   fields: Field[], act: (values: Record<string, string>) => unknown, submit: string, tone?: string,
 *   before?: Children, after?: Children, secondary?: Children,
 *   refused?: (problem: Problem) => boolean, reason?: (problem: Problem) => string,
 * }} parts
 */
export function form({
  fields, act, submit, tone = "primary", before, after, secondary, refused = () => false, reason = ({ code }) => code,
}) {
  const status = element("div", { class: "form-status", role: "alert" });
  const button = element("button", { type: "submit", class: tone }, submit);
  const node = element("form", { novalidate: true, onsubmit: send },
    before, fields.map((one) => one.node), after, status,
    element("div", { class: "actions" }, button, secondary));
  let busy = false;
  /** @type {number | null} */
  let waiting = null;

  /** @param {Event} [happening] */
  async function send(happening) {
    happening?.preventDefault();
    if (busy || waiting !== null) return;
    clear();
    if (!complete()) return;
    setBusy(true);
    try {
      await act(Object.fromEntries(fields.map((one) => [one.name, one.value])));
    } catch (reasonOfFailure) {
      if (!(reasonOfFailure instanceof Problem)) throw reasonOfFailure;
      if (node.isConnected && !refused(reasonOfFailure)) show(reasonOfFailure);
    } finally {
      setBusy(false);
    }
  }

  function complete() {
    const wrong = fields.map((one) => ({ one, problem: one.problem() })).filter(({ problem }) => problem !== null);
    for (const { one, problem } of wrong.reverse()) one.say(problem ?? ""); // The first is said last and has the focus.
    return wrong.length === 0;
  }

  function clear() {
    for (const one of fields) one.say("");
    // The button that is pressed to try again goes; the keyboard keeps its place in the form.
    if (status.contains(document.activeElement)) button.focus();
    status.replaceChildren();
  }

  /** @param {boolean} now */
  function setBusy(now) {
    busy = now;
    // Not `disabled`: that would drop the keyboard's place on the page.
    button.setAttribute("aria-disabled", String(busy || waiting !== null));
    button.classList.toggle("busy", busy);
  }

  /** @param {Problem} problem */
  function show(problem) {
    if (problem.status === 429) return wait(problem);
    const named = FIELDS[problem.code] ?? problem.errors.map((error) => error.pointer.split("/")[1]);
    const one = fields.find(({ name }) => named.includes(name));
    if (one) {
      one.say(explain(problem, reason(problem)));
      if (RETYPED.includes(problem.code)) one.input.select();
    } else if (WORTH_ANOTHER_TRY.includes(problem.code)) {
      status.append(failure(explain(problem), () => void send()));
    } else {
      const tone = CALM.includes(problem.code) ? "info" : "danger";
      status.append(notice(tone, element("p", {}, explain(problem, reason(problem)))));
    }
  }

  /** @param {Problem} problem */
  function wait(problem) {
    // Without a Retry-After, a minute is what the shortest limit lasts.
    const until = Date.now() + (problem.retryAfter ?? 60) * 1000;
    const left = () => Math.max(0, Math.ceil((until - Date.now()) / 1000));
    const face = element("span", { class: "countdown" }, clockFace(left()));
    status.append(notice("warning",
      element("p", {}, explain(problem, reason(problem)), " ",
        element("span", { class: "visually-hidden" }, `${words.form.tryAgainIn}${words.form.roughly(left())}.`),
        element("span", { "aria-hidden": "true" }, words.form.tryAgainIn, face, "."))));
    waiting = setInterval(() => {
      face.textContent = clockFace(left());
      if (left() > 0 && node.isConnected) return;
      clearInterval(waiting ?? 0);
      waiting = null;
      setBusy(busy);
      status.replaceChildren();
      if (node.isConnected) {
        status.append(notice("info", element("p", {}, words.form.tryAgainNow)));
        announce(words.form.tryAgainNow);
      }
    }, 250);
    setBusy(busy);
  }

  return { node, send, fields, status };
}
