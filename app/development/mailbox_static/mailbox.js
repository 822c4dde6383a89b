// The development mailbox: asks for the list every two seconds, shows the newest first, opens one in a frame that may
// run nothing.

import { announce, element } from "/console/dom.js";
import { fromNow, momentOf } from "/console/times.js";

const EVERY_MILLISECONDS = 2_000;
const LINK = /https?:\/\/[^\s<>"]+/g;

const at = (id) => document.getElementById(id);
let known = null;
let opened = null;
let chosen = false; // Until somebody picks a mail, the newest is the one that they wait for.

async function refresh() {
  try {
    const response = await fetch("/mailbox/mails", { cache: "no-store" });
    if (response.ok) list(await response.json());
  } catch { /* The server is restarting, perhaps; the next round asks again. */ }
  setTimeout(refresh, EVERY_MILLISECONDS);
}

function list(mails) {
  const names = mails.map((mail) => mail.id).join();
  if (names === known) return;
  if (known !== null) announce(`New mail: ${mails[0]?.subject}`);
  known = names;
  at("none").hidden = mails.length > 0;
  const focused = document.activeElement?.dataset?.mail;
  at("mails").replaceChildren(...mails.map((mail) => element("li", {}, element("button", {
    type: "button", class: "mail-row", "data-mail": mail.id,
    "aria-current": mail.id === opened && "true", onclick: () => pick(mail),
  }, element("span", { class: "mail-subject" }, mail.subject), element("span", { class: "hint" }, `to ${mail.to}`),
  mail.date && element("span", { class: "hint" }, fromNow(mail.date))))));
  if (focused) at("mails").querySelector(`[data-mail="${CSS.escape(focused)}"]`)?.focus();
  if (!chosen && mails.length) open(mails[0]);
}

function pick(mail) {
  chosen = true;
  open(mail);
  at("subject").focus();
}

function open(mail) {
  opened = mail.id;
  for (const row of at("mails").querySelectorAll("button")) {
    if (row.dataset.mail === mail.id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  at("subject").textContent = mail.subject;
  at("from").textContent = mail.from;
  at("to").textContent = mail.to;
  at("date").textContent = mail.date ? momentOf(mail.date) : "";
  at("html").src = `/mailbox/mails/${encodeURIComponent(mail.id)}`;
  at("text").replaceChildren(...withLinks(mail.text));
  at("mail").hidden = false;
}

function withLinks(text) {
  const pieces = [];
  let end = 0;
  for (const { 0: address, index } of text.matchAll(LINK)) {
    const link = element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address);
    pieces.push(text.slice(end, index), link);
    end = index + address.length;
  }
  return [...pieces, text.slice(end)];
}

function showAs(kind) {
  for (const one of ["html", "text"]) {
    at(one).hidden = one !== kind;
    at(`as-${one}`).setAttribute("aria-pressed", String(one === kind));
  }
}

at("as-html").addEventListener("click", () => showAs("html"));
at("as-text").addEventListener("click", () => showAs("text"));
refresh();
