// Where everything starts: which view belongs to which address, and the frame around it.

import { api, onSessionLost } from "./api.js";
import { announce, element, icon, notice } from "./dom.js";
import { takeResetToken } from "./reset-token.js";
import { session } from "./session.js";
import { explain } from "./words.js";
import * as activity from "./views/activity.js";
import * as authenticationMethods from "./views/authentication-methods.js";
import * as authenticationTokens from "./views/authentication-tokens.js";
import * as changePassword from "./views/change-password.js";
import * as disableTwoFactor from "./views/disable-two-factor.js";
import * as enableTwoFactor from "./views/enable-two-factor.js";
import * as forgotPassword from "./views/forgot-password.js";
import * as logIn from "./views/log-in.js";
import * as passwordReset from "./views/password-reset.js";
import * as recoveryCodes from "./views/recovery-codes.js";
import * as userInformation from "./views/user-information.js";

const OPEN = {
  "/login": logIn,
  "/forgot-password": forgotPassword,
  "/password-reset": passwordReset,
};
const SIGNED_IN = {
  "/user-information": userInformation,
  "/authentication-methods": authenticationMethods,
  "/authentication-methods/enable": enableTwoFactor,
  "/authentication-methods/disable": disableTwoFactor,
  "/authentication-methods/recovery-codes": recoveryCodes,
  "/authentication-methods/password": changePassword,
  "/authentication-tokens": authenticationTokens,
  "/activity": activity,
};
const NAVIGATION = [
  ["/user-information", "User information", "person"],
  ["/authentication-methods", "Authentication methods", "shield"],
  ["/authentication-tokens", "Authentication tokens", "key"],
  ["/activity", "Activity", "activity"],
];

const page = document.getElementById("page");
let account = null;
let parting = null; // A sentence for the next view: why one is logged out, or what has just been done.
let shown = 0;
let here = null; // The address that is shown, to stay at when somebody decides not to leave.
let unsaved = null; // The question to ask before this view is left, if something on it would be lost.

/** Goes to a view; `words`, if any, are the notice that it opens with. */
function go(path, words = null) {
  parting = words;
  if (location.hash === `#${path}`) render();
  else location.hash = path;
}

onSessionLost(({ afterUnansweredChange }) => {
  account = null;
  const words = ["Your session has ended. Sessions end after some time without use, and whenever the way you log in changes. Log in again to go on."];
  if (afterUnansweredChange) words.push(" Your last change got no answer, but it may have been made: if two-factor authentication is on now, log in with a code from your app and make new recovery codes.");
  go("/login", notice("info", element("p", {}, words)));
});

async function logOut() {
  account = null;
  try {
    await api.logOut();
    go("/login", notice("success", element("p", {}, "You are logged out.")));
  } catch {
    go("/login", notice("warning", element("p", {}, "You are logged out on this device. The server did not answer, so the session ends by itself, at the latest a day after you logged in.")));
  }
}

async function render() {
  // A reset token leaves the address bar, and with it the history, before anything else.
  takeResetToken();
  if (unsaved && session.token && !confirm(unsaved)) return history.replaceState(null, "", here);
  unsaved = null;
  const turn = ++shown;
  const path = location.hash.replace(/^#/, "") || "/";
  if (OPEN[path]) return show(OPEN[path], path, element("main", { id: "main", class: "alone" }), outside);
  if (!session.token) return replace("/login");
  if (!SIGNED_IN[path]) return replace("/user-information");
  const main = element("main", { id: "main" });
  try {
    account = await api.account();
  } catch (problem) {
    if (problem.code === "invalid_token" || turn !== shown) return;
    main.append(element("h1", { tabindex: "-1" }, "No answer"), notice("warning", element("p", {}, explain(problem)),
      element("button", { type: "button", class: "secondary small", onclick: render }, "Try again")));
    return page.replaceChildren(outside(main));
  }
  if (turn === shown) show(SIGNED_IN[path], path, main, inside);
}

function replace(path) {
  history.replaceState(null, "", `#${path}`);
  render();
}

function show(view, path, main, frame) {
  here = location.hash;
  const said = parting;
  parting = null;
  const title = element("h1", { tabindex: "-1" }, view.title);
  main.append(title);
  if (said) main.append(element("div", { class: "parting" }, said));
  page.replaceChildren(frame(main, path));
  document.title = `${view.title} · Twokeys`;
  view.show({
    main, account, go,
    retitle: (words) => { title.textContent = words; document.title = `${words} · Twokeys`; },
    /** Asks `sentence` before the view is left; `null` lets go again. */
    hold: (sentence) => { unsaved = sentence; },
  });
  // A new view starts at its heading, for eyes, keyboard and screen reader alike; a view's first field may take over.
  scrollTo(0, 0);
  (main.querySelector("[data-first]") ?? title).focus({ preventScroll: true });
  if (said) announce(said.textContent);
}

const brand = () => element("span", { class: "brand" },
  element("img", { src: "/console/key.svg", alt: "", width: "28", height: "28" }), "Twokeys");

function outside(main) {
  return element("div", { class: "outside" }, element("header", {}, brand()), main);
}

function inside(main, path) {
  const links = NAVIGATION.map(([to, words, picture]) => element("li", {}, element("a", {
    href: `#${to}`, "aria-current": path === to ? "page" : path.startsWith(to) && "true",
  }, icon(picture), words)));
  return element("div", { class: "inside" },
    element("header", {},
      brand(),
      element("span", { class: "who" }, account.email),
      element("button", { type: "button", class: "quiet", onclick: logOut }, icon("leave"), "Log out")),
    element("div", { class: "columns" }, element("nav", { "aria-label": "Your account" }, element("ul", {}, links)), main));
}

addEventListener("beforeunload", (happening) => { if (unsaved) happening.preventDefault(); });
// The same address twice is no hashchange, but somebody who clicks "Skip to the content" wants the content, not a view.
addEventListener("hashchange", () => { if (location.hash !== "#main") render(); });
document.querySelector(".skip").addEventListener("click", (happening) => {
  happening.preventDefault();
  document.querySelector("#main h1")?.focus();
});
render();
