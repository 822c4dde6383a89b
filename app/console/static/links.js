// @ts-check
// Links from emails carry a secret in the fragment, which browsers send to nobody. It stays in the memory of this page.

/** The pages that such links lead to, and the prefix of the secret that each takes. @type {[string, string][]} */
const PAGES = [
  ["/password-reset", "tkr_"], ["/two-factor-clearing", "tkx_"],
  ["/email-change/undo", "tku_"], ["/email-change", "tkm_"], ["/not-me", "tkn_"],
];

/**
 * What a fragment says, or null where it is no link of ours. Whatever a mail client or a person has left behind the
 * secret is ignored; a secret that is not whole is `broken`.
 * @param {string} fragment
 */
export function readLink(fragment) {
  const page = PAGES.find(([path]) =>
    fragment.startsWith(`#${path}`) && !/^[\w-]/.test(fragment.slice(path.length + 1)));
  if (!page) return null;
  const [path, prefix] = page;
  const rest = decoded(fragment.slice(path.length + 1));
  if (rest === "") return { path, secret: null, broken: false };
  const secret = new RegExp(`^/(${prefix}[A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])`).exec(rest)?.[1] ?? null;
  return { path, secret, broken: secret === null };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @type {{ secret: string | null, broken: boolean }} */
let taken = { secret: null, broken: false };

/** Moves a secret from the address bar into memory; the address, and so the history, no longer shows it. */
export function takeLink() {
  const link = readLink(location.hash);
  if (!link || (!link.secret && !link.broken)) return;
  taken = link;
  history.replaceState(null, "", `#${link.path}`);
}

/** The link that this page was opened with. */
export const mailedLink = {
  get secret() { return taken.secret; },
  get broken() { return taken.broken; },
  forget() { taken = { secret: null, broken: false }; },
};
