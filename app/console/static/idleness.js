// @ts-check
// The end of a session that nobody uses: a question before it, and nothing of the account on the screen after it.

import { api, loseSession } from "./api.js";
import { config } from "./config.js";
import { asked } from "./dialog.js";
import { element } from "./dom.js";
import { Problem } from "./problem.js";
import { session } from "./session.js";
import { durationOf } from "./times.js";
import { words } from "./words.js";

// WCAG 2.2.1 asks for twenty seconds.
const LONGEST_WARNING_SECONDS = 120;

/** @param {() => void} logOut */
export function watchForIdleness(logOut) {
  const idle = config.session_idle_seconds;
  const warning = Math.min(LONGEST_WARNING_SECONDS, Math.floor(idle / 2));
  let asking = false;
  // A timer would stand still while the computer sleeps.
  setInterval(() => {
    if (!session.token) return;
    const left = idle - (Date.now() - session.usedAt) / 1000;
    if (left <= 0) loseSession();
    else if (left <= warning && !asking) void ask();
  }, 1000);

  async function ask() {
    asking = true;
    const leaves = await asked(words.idleness.title, (finish) => [
      element("p", {}, words.idleness.why(durationOf(warning))),
      element("div", { class: "actions" },
        element("button", { type: "button", class: "primary", autofocus: true, onclick: () => finish(false) },
          words.idleness.stay),
        element("button", { type: "button", class: "secondary", onclick: () => finish(true) }, words.logOut)),
    ]);
    asking = false;
    if (leaves) logOut();
    else if (session.token) await use();
  }
}

async function use() {
  try {
    await api.account();
  } catch (problem) {
    // It is asked again, for as long as the session lives.
    if (!(problem instanceof Problem)) throw problem;
  }
}
