// Ten recovery codes, shown once: to copy, to download or to print, and to be called saved.

import { copyButton, element, icon, notice } from "./dom.js";

/** Calls `saved` when the person says so. */
export function recoveryCodesPanel({ codes, account, saved }) {
  const done = element("button", { type: "button", class: "primary", onclick: saved }, "I have saved them");
  return [
    notice("warning", element("p", {}, element("strong", {}, "They are shown only now. "),
      "Keep them where you can reach them without your device: in a password manager, or on paper.")),
    element("ol", { class: "recovery-codes", "aria-label": "Recovery codes" }, codes.map((code) => element("li", {}, element("code", {}, code)))),
    element("div", { class: "tools" },
      copyButton("Copy", codes.join("\n")),
      element("button", { type: "button", class: "quiet", onclick: () => download(codes, account) }, icon("download"), "Download"),
      element("button", { type: "button", class: "quiet", onclick: () => print() }, icon("print"), "Print")),
    element("div", { class: "actions" }, done),
  ];
}

function download(codes, account) {
  const words = [`Twokeys recovery codes for ${account.email}`, `Made on ${new Date().toISOString().slice(0, 10)}. Each code works once.`, "", ...codes, ""];
  const address = URL.createObjectURL(new Blob([words.join("\r\n")], { type: "text/plain" }));
  element("a", { href: address, download: "twokeys-recovery-codes.txt" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export const NOT_SAVED_YET = "You have not said that your recovery codes are saved, and they are never shown again. Leave all the same?";
