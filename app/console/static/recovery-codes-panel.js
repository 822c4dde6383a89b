// @ts-check
// Ten recovery codes, shown once: to copy, to download or to print, and to be called saved.

import { config } from "./config.js";
import { copyButton } from "./copy.js";
import { element, stressing } from "./dom.js";
import { icon } from "./icons.js";
import { dateOf } from "./times.js";
import { words } from "./words.js";

const TEXT = words.codesPanel;

/** Calls `saved` when the person says so. @param {{ codes: string[], email: string, saved: () => void }} parts */
export function recoveryCodesPanel({ codes, email, saved }) {
  const list = element("ol", { class: "recovery-codes", "aria-label": TEXT.label },
    codes.map((code) => element("li", {}, element("code", {}, code))));
  const heading = TEXT.heading(config.issuer, email);
  const made = TEXT.made(dateOf(new Date().toISOString()), location.origin);
  const save = () => download(TEXT.file(config.issuer, email), [heading, made, "", ...codes, ""]);
  return [
    stressing("warning", TEXT.onlyNow, TEXT.keep),
    element("div", { class: "on-paper" }, element("p", {}, element("strong", {}, heading)), element("p", {}, made)),
    list,
    element("div", { class: "tools" },
      copyButton(codes.join("\n"), list),
      tool("download", TEXT.download, save),
      tool("print", TEXT.print, () => print())),
    element("div", { class: "actions" },
      element("button", { type: "button", class: "primary", onclick: saved }, TEXT.saved)),
  ];
}

/** @param {string} picture @param {string} label @param {() => void} act */
function tool(picture, label, act) {
  return element("button", { type: "button", class: "quiet", onclick: act }, icon(picture), label);
}

/** @param {string} name @param {string[]} lines */
function download(name, lines) {
  const address = URL.createObjectURL(new Blob([lines.join("\r\n")], { type: "text/plain" }));
  const file = `${name.replace(/[^\p{L}\p{N}@._-]+/gu, "-")}.txt`;
  element("a", { href: address, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
