// The token of a reset link. It arrives in the fragment, which browsers send to nobody, and stays in the memory of this page.

const LINK = /^#\/password-reset\/([A-Za-z0-9_-]+)$/;

let token = null;

/** Moves a token from the address bar into memory; the address, and so the history, no longer shows it. */
export function takeResetToken() {
  const found = LINK.exec(location.hash);
  if (!found) return;
  token = found[1];
  history.replaceState(null, "", "#/password-reset");
}

export const resetToken = {
  get value() { return token; },
  forget() { token = null; },
};
