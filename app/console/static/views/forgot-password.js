// @ts-check
// Forgot the password, or lost the device: a link by email.

import { api } from "../api.js";
import { config } from "../config.js";
import { announce, element, notice } from "../dom.js";
import { emailField } from "../fields.js";
import { form } from "../form.js";
import { icon } from "../icons.js";
import { remembered } from "../session.js";
import { durationOf } from "../times.js";
import { words } from "../words.js";

const TEXT = words.forgotView;

export const title = () => TEXT.title;

/** @param {import("../types.js").Context} context */
export function show({ main, retitle }) {
  const card = element("div", { class: "card" });
  main.append(card);
  ask();

  function ask() {
    retitle(TEXT.title);
    const needsCode = config.password_reset_policy === "requires_second_factor";
    const email = emailField({ value: remembered.address, "data-first": true });
    const made = form({
      fields: [email], submit: TEXT.send,
      before: element("p", {}, [TEXT.intro, TEXT.policy[config.password_reset_policy],
        needsCode && TEXT.askOperators(config.issuer)].filter(Boolean).join(" ")),
      act: async (values) => {
        remembered.address = values.email ?? "";
        await api.requestPasswordReset(remembered.address);
        sent(remembered.address);
      },
      secondary: element("a", { href: "#/login", class: "aside-link" }, words.backToLogIn),
    });
    card.replaceChildren(made.node);
    email.input.focus();
  }

  /** @param {string} address */
  function sent(address) {
    retitle(TEXT.sentTitle);
    card.replaceChildren(
      element("div", { class: "big-picture" }, icon("mail")),
      element("p", {}, TEXT.sent(element("strong", {}, address), durationOf(config.password_reset_seconds))),
      element("p", { class: "hint" }, TEXT.nothingThere),
      sendingAgain(address),
      element("div", { class: "actions" },
        element("a", { href: "#/login", class: "button secondary" }, words.backToLogIn),
        element("button", { type: "button", class: "link aside-link", onclick: ask }, TEXT.otherAddress)));
    main.querySelector("h1")?.focus();
  }

  /** Once: a third link would help nobody whose spam folder has two. @param {string} address */
  function sendingAgain(address) {
    const made = form({
      fields: [], submit: TEXT.sendAgain, tone: "link",
      act: async () => {
        await api.requestPasswordReset(address);
        made.node.replaceChildren(notice("success", element("p", {}, TEXT.sentAgain)));
        announce(TEXT.sentAgain);
      },
    });
    return made.node;
  }
}
