// Builds elements. Text only ever becomes text: nothing in the console parses HTML, and the page's policy forbids it.

export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.5c.6-3.6 3.7-5.5 7.5-5.5s6.9 1.9 7.5 5.5",
  shield: "M12 3l7.5 2.8v5.7c0 4.6-3.1 7.8-7.5 9.5-4.4-1.7-7.5-4.9-7.5-9.5V5.8L12 3ZM8.8 12l2.3 2.3 4.2-4.4",
  key: "M8 19.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM11.3 11.8 20 3.5M16.2 7.2l2.8 2.8",
  activity: "M3.5 12h4l2.5-6.5 4 13 2.5-6.5h4",
  copy: "M9 9h10.5v11.5H9ZM5.5 15H4.5V3.5H15v2",
  download: "M12 4v11M7.5 11l4.5 4.5L16.5 11M4.5 20h15",
  print: "M7 9V3.5h10V9M7 17H4.5V9h15v8H17M7 14h10v6.5H7Z",
  check: "M4.5 12.5l5 5 10-11",
  warning: "M12 4 2.8 20h18.4L12 4ZM12 10v4.5M12 17.2v.1",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v5.5M12 7.7v.1",
  stop: "M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3L8.3 3ZM12 8v5M12 16.2v.1",
  device: "M3.5 5h17v11h-17ZM9 20h6M12 16v4",
  lock: "M6 11h12v9.5H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  mail: "M3.5 5.5h17v13h-17ZM4 6.5l8 6.5 8-6.5",
  back: "M14.5 5.5 8 12l6.5 6.5",
  leave: "M14 4.5h5.5v15H14M10.5 8 6.5 12l4 4M7 12h8.5",
};

/** A decoration: whatever it says, the words beside it say too. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

let serial = 0;
/** An id that no other element of the page has, to tie labels, hints and errors to their control. */
export function freshId(stem) {
  serial += 1;
  return `${stem}-${serial}`;
}

/** Says a sentence to a screen reader without moving anything on the page. */
export function announce(sentence) {
  const announcer = document.getElementById("announcer");
  // The same sentence twice is only read twice when the region was empty in between.
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = sentence; }, 50);
}

/** A boxed message: "info", "success", "warning" or "danger". */
export function notice(kind, ...children) {
  const picture = { info: "info", success: "check", warning: "warning", danger: "stop" }[kind];
  return element("div", { class: `notice ${kind}` }, icon(picture), element("div", { class: "notice-words" }, children));
}

export function badge(kind, words) {
  return element("span", { class: `badge ${kind}` }, words);
}

/** Copies `text` and says so on the button itself, for eyes and ears. */
export function copyButton(label, text) {
  const words = element("span", {}, label);
  const button = element("button", { type: "button", class: "quiet", onclick: copy }, icon("copy"), words);
  async function copy() {
    const copied = await copyText(text);
    words.textContent = copied ? "Copied" : "Press Ctrl+C to copy";
    announce(words.textContent);
    setTimeout(() => { words.textContent = label; }, 3000);
  }
  return button;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // There is no clipboard on a page that came over plain HTTP from another machine; the old way still works there.
    const area = element("textarea", { class: "visually-hidden", readonly: true }, text);
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

/** Asks before something that cannot be undone. Resolves to true only for the named act. */
export function confirmed({ title, words, act, extra = null }) {
  return new Promise((resolve) => {
    const heading = freshId("dialog");
    const answer = (yes) => { dialog.close(); dialog.remove(); resolve(yes); };
    const dialog = element("dialog", { "aria-labelledby": heading, oncancel: () => answer(false) },
      element("h2", { id: heading }, title),
      element("p", {}, words),
      extra,
      element("div", { class: "actions" },
        element("button", { type: "button", class: "danger", onclick: () => answer(true) }, act),
        element("button", { type: "button", class: "secondary", autofocus: true, onclick: () => answer(false) }, "Cancel")));
    document.body.append(dialog);
    dialog.showModal();
  });
}
