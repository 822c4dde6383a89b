// @ts-check
// The access token of this tab. It lives in memory and in sessionStorage, so a reload keeps it and closing the tab ends
// it; no other tab, no cookie and no disk ever holds it.

const KEY = "twokeys.access_token";

let token = stored();

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // Storage is switched off: memory alone, and a reload asks for the password again.
  }
}

export const session = {
  get token() {
    return token;
  },
  /** @param {{ access_token: string }} grant */
  begin(grant) {
    token = grant.access_token;
    try {
      sessionStorage.setItem(KEY, token);
    } catch { /* Memory alone. */ }
  },
  end() {
    token = null;
    try {
      sessionStorage.removeItem(KEY);
    } catch { /* Memory alone. */ }
  },
};

/** The address that was entered last, in the memory of this page, so that nobody types it twice. */
export const remembered = { address: "" };
