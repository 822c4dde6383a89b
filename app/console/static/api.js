// @ts-check
// The only module that speaks to the API: one function a call, as the OpenAPI document has them.
// A call either resolves to the answer's body or rejects with a Problem.

import { Problem, problemFrom } from "./problem.js";
import { session } from "./session.js";
import { speakTo } from "./words.js";

const PATIENCE_IN_MILLISECONDS = 20_000;

/** @type {(how: { afterUnansweredChange: boolean }) => void} */
let whenSessionIsLost = () => {};
/** @type {(problem: Problem) => Promise<boolean>} */
let whenProofIsOld = async () => false;
/** Hands in what happens when the server no longer knows our token. @param {typeof whenSessionIsLost} listener */
export function onSessionLost(listener) {
  whenSessionIsLost = listener;
}

/** Hands in who asks for a new proof, and resolves to whether there is one now.
 * @param {typeof whenProofIsOld} listener */
export function onProofTooOld(listener) {
  whenProofIsOld = listener;
}

// A change that got no answer may have been made all the same; if our token is dead afterwards, it probably was.
let unansweredChange = false;

/**
 * @typedef {{
 *   body?: object, token?: string | null, cache?: RequestCache, credentials?: RequestCredentials,
 * }} CallOptions
 */

/**
 * A call that needs a newer proof goes on as soon as the person has given it.
 * @param {string} method @param {string} path @param {CallOptions} [options]
 * @returns {Promise<any>} each function below states the type of its answer
 */
async function call(method, path, options) {
  try {
    return await send(method, path, options);
  } catch (problem) {
    const asks = problem instanceof Problem && problem.code === "reauthentication_required";
    if (!asks || !await whenProofIsOld(problem)) throw problem;
    return send(method, path, options);
  }
}

/** @param {string} method @param {string} path @param {CallOptions} [options] @returns {Promise<any>} */
async function send(method, path, {
  body, token = session.token, cache = "no-store", credentials = "omit",
} = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const stopWaiting = new AbortController();
  const patience = setTimeout(() => stopWaiting.abort(), PATIENCE_IN_MILLISECONDS);
  try {
    const response = await fetch(`/v1${path}`, {
      method, headers, cache, body: body === undefined ? null : JSON.stringify(body),
      signal: stopWaiting.signal, credentials, redirect: "error", referrerPolicy: "no-referrer",
    });
    const answer = await read(response);
    if (response.ok) {
      if (token) unansweredChange = false;
      if (token && token === session.token) session.usedAt = Date.now();
      return answer;
    }
    throw problemFrom(response.status, response.headers.get("Retry-After"), answer);
  } catch (failure) {
    const refused = failure instanceof Problem ? failure : new Problem("no_answer");
    if (refused.code === "no_answer" && method !== "GET" && token) unansweredChange = true;
    // A refusal of a token that has been replaced meanwhile says nothing about the one we hold now.
    if (refused.code === "invalid_token" && token && token === session.token) loseSession();
    throw refused;
  } finally {
    clearTimeout(patience);
  }
}

/** Forgets a token that is dead. */
export function loseSession() {
  session.end();
  whenSessionIsLost({ afterUnansweredChange: unansweredChange });
  unansweredChange = false;
}

/** @param {Response} response */
async function read(response) {
  if (response.status === 204) return null;
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    if (response.ok) throw new Problem("unexpected", response.status);
    return {};
  }
}

/**
 * An operation that ends every token answers with a fresh grant; from that moment on it is the one we hold.
 * @template {{ grant: import("./types.js").Grant }} Answer
 * @param {Answer} answer
 */
async function holding(answer) {
  await begun(answer.grant);
  return answer;
}

/** @param {import("./types.js").Grant} grant */
async function begun(grant) {
  session.begin(grant);
  await speakTo(grant.account);
  return grant;
}

/** @param {Record<string, string | number | null>} parameters */
function query(parameters) {
  const present = Object.entries(parameters).filter(([, value]) => value !== null);
  return present.length ? `?${new URLSearchParams(present.map(([name, value]) => [name, String(value)]))}` : "";
}

export const api = {
  /** As index.html preloads it. @returns {Promise<import("./types.js").Config>} */
  config: () => call("GET", "/config", { token: null, cache: "default", credentials: "same-origin" }),

  /** @param {string} email @param {string} password @returns {Promise<import("./types.js").LogInAnswer>} */
  async logIn(email, password) {
    const answer = await call("POST", "/login", { body: { email, password }, token: null });
    if (answer.status === "authenticated") await begun(answer);
    return answer;
  },
  /** @param {string} ticket @returns {Promise<import("./types.js").Enrollment>} */
  startEnrollmentByTicket: (ticket) => call("POST", "/login/enrollment", { body: { ticket }, token: null }),
  /** @param {string} ticket @param {string} code @returns {Promise<import("./types.js").Confirmed>} */
  confirmByTicket: async (ticket, code) =>
    holding(await call("POST", "/login/enrollment/confirm", { body: { ticket, code }, token: null })),
  /** @param {string} ticket @param {boolean} passkey @returns {Promise<import("./types.js").RegistrationRequest>} */
  startRegistrationByTicket: (ticket, passkey) =>
    call("POST", "/login/enrollment/webauthn/options", { body: { ticket, passkey }, token: null }),
  /** @param {string} ticket @param {string} registration @param {object} credential
   * @returns {Promise<import("./types.js").Confirmed>} */
  registerByTicket: async (ticket, registration, credential) =>
    holding(await call("POST", "/login/enrollment/webauthn", {
      body: { ticket, registration, credential }, token: null,
    })),
  /** @param {string} challenge @param {string} code @returns {Promise<import("./types.js").Grant>} */
  async logInWithCode(challenge, code) {
    return begun(await call("POST", "/login/two-factor", { body: { challenge, code }, token: null }));
  },
  /** @param {string} challenge @returns {Promise<import("./types.js").RequestOptions>} */
  secondStepOptions: (challenge) =>
    call("POST", "/login/two-factor/options", { body: { challenge }, token: null }),
  /** @param {string} challenge @param {object} credential @returns {Promise<import("./types.js").Grant>} */
  async logInWithCredential(challenge, credential) {
    return begun(await call("POST", "/login/two-factor", { body: { challenge, credential }, token: null }));
  },
  /** @returns {Promise<import("./types.js").AssertionRequest>} */
  passkeyOptions: () => call("POST", "/login/passkey/options", { body: {}, token: null }),
  /** @param {string} challenge @param {object} credential @returns {Promise<import("./types.js").Grant>} */
  async logInByPasskey(challenge, credential) {
    return begun(await call("POST", "/login/passkey", { body: { challenge, credential }, token: null }));
  },
  async logOut() {
    const token = session.token;
    session.end();
    await call("POST", "/logout", { token });
  },

  /** @param {string} email */
  requestPasswordReset: (email) => call("POST", "/password-reset", { body: { email }, token: null }),
  /** @param {string} token @returns {Promise<import("./types.js").ResetChecked>} */
  checkPasswordReset: (token) => call("POST", "/password-reset/check", { body: { token }, token: null }),
  /** @param {string} token @param {string} newPassword @param {string | null} [code]
   * @returns {Promise<import("./types.js").ResetCompleted>} */
  confirmPasswordReset: (token, newPassword, code = null) =>
    call("POST", "/password-reset/confirm", {
      body: { token, new_password: newPassword, ...(code && { code }) }, token: null,
    }),

  /** @param {string} password @param {string} email @returns {Promise<import("./types.js").PasswordStrength>} */
  judgePassword: (password, email) => call("POST", "/password-strength", { body: { password, email }, token: null }),

  /** @param {string} token */
  cancelClearing: (token) => call("POST", "/two-factor-clearing/cancel", { body: { token }, token: null }),
  /** @param {string} newEmail @param {string} password
   * @returns {Promise<import("./types.js").EmailChangeRequested>} */
  requestEmailChange: (newEmail, password) => call("POST", "/me/email", { body: { new_email: newEmail, password } }),
  cancelEmailChange: () => call("DELETE", "/me/email/pending"),
  /** @param {string} token @returns {Promise<import("./types.js").EmailChanged>} */
  confirmEmailChange: (token) => call("POST", "/email-change/confirm", { body: { token }, token: null }),
  /** @param {string} token @returns {Promise<import("./types.js").EmailChangeUndone>} */
  undoEmailChange: (token) => call("POST", "/email-change/undo", { body: { token }, token: null }),
  /** @param {string} token @returns {Promise<import("./types.js").NotMeReported>} */
  reportNotMe: (token) => call("POST", "/not-me", { body: { token }, token: null }),

  /** @returns {Promise<import("./types.js").Account>} */
  account: () => call("GET", "/me"),
  /** @param {string} locale @returns {Promise<import("./types.js").Account>} */
  changeLocale: (locale) => call("PATCH", "/me", { body: { locale } }),
  /** @param {string} currentPassword @param {string} newPassword
   * @returns {Promise<import("./types.js").PasswordChanged>} */
  changePassword: async (currentPassword, newPassword) => holding(
    await call("POST", "/me/password", { body: { current_password: currentPassword, new_password: newPassword } })),

  /** @returns {Promise<import("./types.js").TwoFactor>} */
  twoFactor: () => call("GET", "/me/2fa"),
  /** @returns {Promise<import("./types.js").AssertionRequest>} */
  reauthenticationOptions: () => call("POST", "/me/reauthenticate/options", { body: {} }),
  /** @param {{ password: string } | { code: string } | { challenge: string, credential: object }} proof
   * @returns {Promise<import("./types.js").Reauthenticated>} */
  reauthenticate: async (proof) => holding(await call("POST", "/me/reauthenticate", { body: proof })),

  /** @returns {Promise<import("./types.js").AuthenticatorList>} */
  authenticators: () => call("GET", "/me/2fa/authenticators"),
  /** @param {string} id @param {string} name @returns {Promise<import("./types.js").Authenticator>} */
  renameAuthenticator: (id, name) => call("PATCH", `/me/2fa/authenticators/${id}`, { body: { name } }),
  /** @param {string} id @param {string} password @returns {Promise<import("./types.js").Removed>} */
  removeAuthenticator: async (id, password) =>
    holding(await call("POST", `/me/2fa/authenticators/${id}/remove`, { body: { password } })),
  /** @param {string} password @param {string} name @param {boolean} passkey
   * @returns {Promise<import("./types.js").RegistrationRequest>} */
  startRegistration: (password, name, passkey) =>
    call("POST", "/me/2fa/webauthn/options", { body: { password, name, passkey } }),
  /** @param {string} registration @param {object} credential @returns {Promise<import("./types.js").Confirmed>} */
  register: async (registration, credential) =>
    holding(await call("POST", "/me/2fa/webauthn", { body: { registration, credential } })),

  /** @param {string} password @param {{ name?: string, additional?: boolean, replaces?: string }} [more]
   * @returns {Promise<import("./types.js").Enrollment>} */
  startEnrollment: (password, more = {}) => call("POST", "/me/2fa/enrollment", { body: { password, ...more } }),
  cancelEnrollment: () => call("DELETE", "/me/2fa/enrollment"),
  /** @param {string} code @param {string} enrollment_id @returns {Promise<import("./types.js").Confirmed>} */
  confirmTwoFactor: async (code, enrollment_id) =>
    holding(await call("POST", "/me/2fa/confirm", { body: { code, enrollment_id } })),
  /** @param {string} password @param {string | null} [code] @returns {Promise<import("./types.js").Disabled>} */
  disableTwoFactor: async (password, code = null) =>
    holding(await call("POST", "/me/2fa/disable", { body: { password, ...(code && { code }) } })),
  /** @param {string} password @returns {Promise<import("./types.js").NewRecoveryCodes>} */
  replaceRecoveryCodes: (password) => call("POST", "/me/2fa/recovery-codes", { body: { password } }),

  /** @param {"session" | "personal"} kind @param {string | null} [cursor]
   * @returns {Promise<import("./types.js").TokenPage>} */
  tokens: (kind, cursor = null) => call("GET", `/me/tokens${query({ kind, cursor })}`),
  /** @param {import("./types.js").CreateToken} wanted @returns {Promise<import("./types.js").CreatedToken>} */
  createToken: (wanted) => call("POST", "/me/tokens", { body: wanted }),
  /** @param {string} id @param {string} description @returns {Promise<import("./types.js").Token>} */
  renameToken: (id, description) => call("PATCH", `/me/tokens/${encodeURIComponent(id)}`, { body: { description } }),
  /** @param {string} id */
  revokeToken: (id) => call("DELETE", `/me/tokens/${encodeURIComponent(id)}`),
  /** @param {boolean} keepCurrent @returns {Promise<import("./types.js").RevokedAll>} */
  revokeAllTokens: (keepCurrent) => call("POST", "/me/tokens/revoke-all", { body: { keep_current: keepCurrent } }),

  /** @param {string | null} [cursor] @returns {Promise<import("./types.js").EventPage>} */
  events: (cursor = null) => call("GET", `/me/events${query({ limit: 25, cursor })}`),
};
