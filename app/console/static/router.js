// @ts-check
// Which view is shown, how one leaves it, and where Back leads.

import { api, onSessionLost } from "./api.js";
import { config } from "./config.js";
import { dismissDialogs } from "./dialog.js";
import { announce, element, failure, notice, skeleton } from "./dom.js";
import { explain } from "./explain.js";
import { inside, outside } from "./frame.js";
import { watchForIdleness } from "./idleness.js";
import { takeLink } from "./links.js";
import { Problem } from "./problem.js";
import { remembered, session } from "./session.js";
import { durationOf } from "./times.js";
import { speakTo, words } from "./words.js";

/** @typedef {import("./types.js").Account} Account */
/** @typedef {import("./types.js").Step} Step */
/** @typedef {import("./types.js").View} View */

const LOG_IN = "/login";
const HOME = "/user-information";

/** @type {{ open: Map<string, View>, signedIn: Map<string, View> }} */
let views = { open: new Map(), signedIn: new Map() };

/** @type {Account | null} */
let account = null;
/** @type {Node | null} A sentence for the next view: why one is logged out, or what has just been done. */
let parting = null;
let turn = 0;
/** @type {string} The address that is shown, to stay at when somebody decides not to leave. */
let here = "";
/** @type {string | null} The question to ask before this view is left, if something on it would be lost. */
let unsaved = null;
/** @type {string | null} The view that somebody without a session asked for, to show after the log-in. */
let wanted = null;
/** @type {((step: Step | null) => void) | null} */
let onStep = null;

const page = document.getElementById("page");

/** Shows what the address bar says, and from then on whatever it says next. @param {typeof views} all */
export function startRouter(all) {
  views = all;
  onSessionLost(({ afterUnansweredChange }) => {
    wanted = viewAt(pathOf(here)) ? pathOf(here) : null;
    remembered.address = account?.email ?? "";
    account = null;
    unsaved = null;
    const sentence = `${words.sessionEnded}${afterUnansweredChange ? words.mayHaveChanged : ""}`;
    go(LOG_IN, notice("info", element("p", {}, sentence)));
  });
  watchForIdleness(logOut);
  addEventListener("beforeunload", (happening) => { if (unsaved) happening.preventDefault(); });
  // A page that somebody comes back to shows nothing of a session that has ended meanwhile.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && session.token) void api.account().catch(() => {});
  });
  addEventListener("popstate", ({ state }) => {
    dismissDialogs();
    if (location.hash === here) onStep?.(state);
  });
  // Somebody who clicks "Skip to the content" wants the content, not a view.
  addEventListener("hashchange", () => { if (location.hash !== "#main" && location.hash !== here) void render(); });
  void render();
}

/** @param {string} path @param {Node | null} [message] @param {{ replace?: boolean }} [how] */
function go(path, message = null, { replace = false } = {}) {
  parting = message;
  if (replace) history.replaceState(null, "", `#${path}`);
  else if (location.hash !== `#${path}`) return void (location.hash = path);
  void render();
}

/** @param {Node | null} [message] */
function arrive(message = null) {
  const path = wanted ?? HOME;
  wanted = null;
  go(path, message, { replace: true });
}

function mayLeave() {
  if (unsaved && !confirm(unsaved)) return false;
  unsaved = null;
  return true;
}

async function logOut() {
  if (!mayLeave()) return;
  account = null;
  remembered.address = "";
  try {
    await api.logOut();
    go(LOG_IN, notice("success", element("p", {}, words.loggedOut)));
  } catch {
    const sentence = words.loggedOutUnanswered(durationOf(config.session_max_seconds));
    go(LOG_IN, notice("warning", element("p", {}, sentence)));
  }
}

async function render() {
  // A secret in a link leaves the address bar, and with it the history, before anything else.
  takeLink();
  if (!mayLeave()) return history.replaceState(null, "", here);
  dismissDialogs();
  const mine = ++turn;
  const path = pathOf(location.hash);
  const open = views.open.get(path);
  if (path === LOG_IN && session.token) return go(HOME, parting, { replace: true });
  if (open) return fill(draw(open.title(), path, false), open);
  const view = viewAt(path);
  if (!session.token) {
    wanted = view ? path : null;
    return go(LOG_IN, parting, { replace: true });
  }
  if (!view) return go(HOME, parting, { replace: true });
  await showSignedIn(view, path, () => mine === turn);
}

/** The frame stands at once; the view waits for the account where it depends on its newest state.
 * @param {View} view @param {string} path @param {() => boolean} stillWanted */
async function showSignedIn(view, path, stillWanted) {
  const known = view.fresh ? null : account;
  const main = draw(view.title(), path, true);
  if (known) fill(main, view);
  else wait(main);
  try {
    account = await api.account();
    if (!known) await speakTo(account);
    if (known || !stillWanted()) return;
    fill(account ? draw(view.title(), path, true) : main, view);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (known || problem.code === "invalid_token" || !stillWanted()) return;
    const unanswered = draw(words.noAnswerTitle, path, true);
    unanswered.append(failure(explain(problem), () => void render()));
    announce(explain(problem));
  }
}

/** Draws the frame, with the heading of the view to come. @param {string} title @param {string} path
 * @param {boolean} signedIn */
function draw(title, path, signedIn) {
  here = location.hash;
  onStep = null;
  const heading = element("h1", { tabindex: "-1" }, title);
  const main = element("main", { id: "main" }, heading);
  page?.replaceChildren(signedIn ? inside({ main, path, account, logOut }) : outside(main));
  const skip = document.querySelector(".skip");
  if (skip) skip.textContent = words.skip;
  const development = document.querySelector(".development");
  if (development instanceof HTMLElement) development.hidden = signedIn;
  setTitle(title);
  scrollTo(0, 0);
  heading.focus({ preventScroll: true });
  return main;
}

/** @param {HTMLElement} main */
function wait(main) {
  main.setAttribute("aria-busy", "true");
  main.append(element("div", { class: "card" }, skeleton()));
}

/** @param {HTMLElement} main @param {View} view */
function fill(main, view) {
  const heading = main.querySelector("h1");
  const message = parting;
  parting = null;
  if (message) main.append(element("div", { class: "parting" }, message));
  view.show({
    main, go, arrive, logOut,
    id: partsOf(pathOf(here)).id,
    account: /** @type {Account} */ (account), // Views outside know of none, and ask for none.
    retitle(title) {
      if (heading) heading.textContent = title;
      setTitle(title);
    },
    hold(sentence) { unsaved = sentence; },
    step: {
      current: history.state,
      push(step) { history.pushState(step, "", location.hash); },
      replace(step) { history.replaceState(step, "", location.hash); },
      listen(listener) { onStep = listener; },
    },
  });
  // A view starts at its heading, for eyes, keyboard and screen reader alike; its first field may take over.
  const first = main.querySelector("[data-first]");
  if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  if (message) announce(message.textContent ?? "");
}

/** @param {string} title */
function setTitle(title) {
  document.title = `${title} · ${config.issuer}`;
}

/** The address of a view, and the id of what it is about where there is one. @param {string} path */
function partsOf(path) {
  const [, view = path, id = null] = /^(.+)\/([0-9a-f-]{36})$/.exec(path) ?? [];
  return { view, id };
}

/** @param {string} path */
const viewAt = (path) => views.signedIn.get(partsOf(path).view);

/** @param {string} fragment */
function pathOf(fragment) {
  return fragment.replace(/^#/, "") || "/";
}
