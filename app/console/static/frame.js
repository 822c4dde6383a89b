// @ts-check
// What stands around a view: the brand, the navigation, and the way out.

import { config, logoPath } from "./config.js";
import { element } from "./dom.js";
import { icon, mark } from "./icons.js";
import { policyBanner } from "./must-enroll.js";
import { words } from "./words.js";

/** @type {[string, keyof typeof words.navigation, string][]} */
const NAVIGATION = [
  ["/user-information", "userInformation", "person"],
  ["/authentication-methods", "authenticationMethods", "shield"],
  ["/authentication-tokens", "authenticationTokens", "key"],
  ["/activity", "activity", "activity"],
];

function brand() {
  const logo = logoPath();
  return element("span", { class: "brand" },
    logo ? element("img", { src: logo, alt: "", height: "28" }) : mark(),
    element("span", { class: "brand-name" }, config.issuer));
}

/** What the operator offers beside the account: where to get help, and what becomes of one's data. */
function offers() {
  const links = [[config.support_url, words.help], [config.privacy_url, words.privacy]]
    .filter(([href]) => href).map(([href, label]) => element("a", { href, rel: "noopener noreferrer" }, label));
  return links.length > 0 && element("footer", {}, links);
}

/** For somebody who is not logged in. @param {HTMLElement} main */
export function outside(main) {
  return element("div", { class: "outside" }, element("header", {}, brand()), main, offers());
}

/**
 * For somebody who is; `account` is null where the server has not told yet who it is.
 * @param {{
 *   main: HTMLElement, path: string, account: import("./types.js").Account | null, logOut: () => void,
 * }} parts
 */
export function inside({ main, path, account, logOut }) {
  const links = NAVIGATION.map(([to, label, picture]) => element("li", {}, element("a", {
    href: `#${to}`, "aria-current": path === to ? "page" : path.startsWith(`${to}/`) && "true",
  }, icon(picture), element("span", {}, words.navigation[label]))));
  return element("div", { class: "inside" },
    element("header", {},
      brand(),
      element("span", { class: "who", title: account?.email }, account?.email),
      element("button", { type: "button", class: "quiet", onclick: logOut }, icon("leave"), words.logOut)),
    element("div", { class: "columns" },
      element("nav", { "aria-label": words.account }, element("ul", {}, links)),
      element("div", {}, policyBanner(account), main, offers())));
}
