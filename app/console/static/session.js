// @ts-check
// The access token of this tab, and the language of the person. They live in memory and in sessionStorage, so a reload
// keeps them and closing the tab ends them; no other tab, no cookie and no disk ever holds the token.

const TOKEN = "twokeys.access_token";
const LOCALE = "twokeys.locale";

let token = stored(TOKEN);
let locale = stored(LOCALE);

/** @param {string} key */
function stored(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null; // Storage is switched off: memory alone, and a reload asks for the password again.
  }
}

/** @param {string} key @param {string | null} value */
function store(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch { /* Memory alone. */ }
}

export const session = {
  /** When the server last knew the token, in milliseconds; a session that is not used ends. */
  usedAt: Date.now(),
  get token() {
    return token;
  },
  /** The language that the account has chosen, as a tag; null where it has none, or nobody is logged in. */
  get locale() {
    return locale;
  },
  set locale(tag) {
    locale = tag;
    store(LOCALE, tag);
  },
  /** @param {{ access_token: string }} grant */
  begin(grant) {
    token = grant.access_token;
    this.usedAt = Date.now();
    store(TOKEN, token);
  },
  end() {
    token = null;
    store(TOKEN, null);
    this.locale = null;
  },
};

/** The address that was entered last, in the memory of this page, so that nobody types it twice. */
export const remembered = { address: "" };
