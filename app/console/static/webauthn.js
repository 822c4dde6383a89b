// @ts-check
// What the browser does with security keys and passkeys (WebAuthn Level 3), and its refusals as Problems.

import { Problem } from "./problem.js";

/** @type {Record<string, string>} */
const CODES = {
  // One name for "cancelled", "took too long" and "no such key here": browsers don't tell pages which.
  NotAllowedError: "credential_cancelled",
  AbortError: "credential_cancelled",
  InvalidStateError: "authenticator_exists",
  SecurityError: "credential_elsewhere",
  NotSupportedError: "credential_unsupported",
  ConstraintError: "credential_unsupported",
};

// A browser has one request at a time: a new one ends the one that waits in the field of the address.
let current = new AbortController();

/** Makes a new credential. @param {Record<string, any>} publicKey @returns {Promise<object>} */
export function createCredential(publicKey) {
  return ceremony(publicKey.rp.id, (keys, signal) => navigator.credentials.create({
    publicKey: keys.parseCreationOptionsFromJSON(/** @type {any} */ (publicKey)), signal,
  }));
}

/** Answers with one of the credentials that are there. `mediation` is "conditional" for the autofill of a field.
 * @param {Record<string, any>} publicKey @param {CredentialMediationRequirement} [mediation]
 * @returns {Promise<object>} */
export function askForCredential(publicKey, mediation = "optional") {
  return ceremony(publicKey.rpId, (keys, signal) => navigator.credentials.get({
    publicKey: keys.parseRequestOptionsFromJSON(/** @type {any} */ (publicKey)), mediation, signal,
  }));
}

/** Whether the browser offers passkeys in a field. */
export async function offersPasskeysInFields() {
  return await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.() ?? false;
}

/** Lets the device forget the passkeys that were removed here, where the browser can.
 * @param {import("./types.js").Signal} signal */
export async function tellAccepted({ rp_id: rpId, user_handle: userId, accepted_credential_ids: ids }) {
  const keys = /** @type {any} */ (globalThis.PublicKeyCredential);
  try {
    await keys?.signalAllAcceptedCredentials?.({ rpId, userId, allAcceptedCredentialIds: ids });
  } catch { /* A courtesy: what is left on the device no longer logs anybody in. */ }
}

/**
 * @param {string} place the RP id
 * @param {(keys: typeof PublicKeyCredential, signal: AbortSignal) => Promise<Credential | null>} act
 * @returns {Promise<object>} what the API takes as `credential`
 */
async function ceremony(place, act) {
  const keys = globalThis.PublicKeyCredential;
  if (!keys?.parseCreationOptionsFromJSON) throw new Problem("credential_unsupported");
  current.abort();
  current = new AbortController();
  try {
    const credential = /** @type {PublicKeyCredential} */ (await act(keys, current.signal));
    return credential.toJSON();
  } catch (error) {
    const code = error instanceof DOMException ? CODES[error.name] : undefined;
    throw new Problem(code ?? "credential_failed", 0, null, { detail: place });
  }
}
