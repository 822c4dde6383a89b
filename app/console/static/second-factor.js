// @ts-check
// Asks for a second factor: by the best way that the account has, with the others one click away.

import { isRecoveryCode } from "./codes.js";
import { config } from "./config.js";
import { element } from "./dom.js";
import { codeField, recoveryCodeField } from "./fields.js";
import { form } from "./form.js";
import { icon } from "./icons.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Children} Children */
/** @typedef {import("./types.js").Problem} Problem */
/** @typedef {"webauthn" | "totp" | "recovery_code"} Way */

const TEXT = words.secondFactor;

/** The best first: no page can pass on what a key proves. @type {Way[]} */
const WAYS = ["webauthn", "totp", "recovery_code"];

/**
 * `draw` puts a way on the screen, and the others under it.
 * @param {{
 *   methods: string[], submit: string, byCode: (code: string) => unknown, byKey: () => unknown,
 *   draw: (...content: Children[]) => void, before?: () => Children, secondary?: () => Children, after?: Children,
 *   refused?: (problem: Problem) => boolean,
 * }} parts
 */
export function askForSecondFactor({
  methods, submit, byCode, byKey, draw, before = () => null, secondary = () => null, after = null,
  refused = () => false,
}) {
  const ways = WAYS.filter((way) => methods.includes(way));
  ask(ways[0] ?? "totp");

  /** @param {Way} way @param {string} [value] */
  function ask(way, value = "") {
    const made = way === "webauthn" ? withKey() : withCode(way, value);
    const others = ways.filter((other) => other !== way).map((other) => element("p", {},
      element("button", { type: "button", class: "link", onclick: () => ask(other) }, TEXT.use[other])));
    draw(made.node, (others.length > 0 || after) && element("div", { class: "other-ways" }, others, after));
  }

  function withKey() {
    return form({
      fields: [], submit: TEXT.useKey, act: byKey, refused, secondary: secondary(),
      before: [before(), element("p", { class: "with-picture" }, icon("security-key"), TEXT.keyHint)],
    });
  }

  /** @param {Way} way @param {string} value */
  function withCode(way, value) {
    const code = way === "totp"
      ? codeField({
        hint: TEXT.codeHint(config.issuer), complete: () => void made.send(),
        otherwise: (pasted) => ask("recovery_code", pasted),
      })
      : recoveryCodeField({ hint: TEXT.recoveryHint, value });
    const made = form({
      fields: [code], before: before(), submit, act: () => byCode(code.value), refused, secondary: secondary(),
      reason: (problem) => {
        if (problem.code === "too_many_attempts") return "too_many_codes";
        return problem.code === "invalid_code" && isRecoveryCode(code.value) ? "invalid_recovery_code" : problem.code;
      },
    });
    return made;
  }
}
