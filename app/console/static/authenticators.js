// @ts-check
// What an authenticator is, in words and with a picture.

import { dateOf, fromNow } from "./times.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Authenticator} Authenticator */

const TEXT = words.authenticators;

/** @param {Authenticator} authenticator @returns {"totp" | "passkey" | "key"} */
function sort({ kind, passkey }) {
  if (kind === "totp") return "totp";
  return passkey ? "passkey" : "key";
}

/** @param {Authenticator} authenticator */
export const pictureOf = (authenticator) => ({ totp: "phone", passkey: "passkey", key: "security-key" })[
  sort(authenticator)];

/** "Passkey, kept in sync" @param {Authenticator} authenticator */
export function kindOf(authenticator) {
  return `${TEXT.kinds[sort(authenticator)]}${authenticator.passkey && authenticator.backed_up ? TEXT.synced : ""}`;
}

/** @param {Authenticator} authenticator */
export const addedOn = ({ created_at }) => dateOf(created_at);

/** @param {Authenticator} authenticator */
export const lastUse = ({ last_used_at }) => (last_used_at ? fromNow(last_used_at) : null);
