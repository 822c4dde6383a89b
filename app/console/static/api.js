// The only module that speaks to the API: one function a call, as the OpenAPI document has them.
// A call either resolves to the answer's body or rejects with a Problem.

import { session } from "./session.js";

const PATIENCE_IN_MILLISECONDS = 20_000;

/** Why a call did not give what was asked: the API's problem document (RFC 9457), or no answer at all. */
export class Problem extends Error {
  constructor({ code, status = 0, detail = "", retryAfter = null, members = {} }) {
    super(code);
    this.code = code;
    this.status = status;
    this.detail = detail;
    /** Whole seconds to wait before asking again, or null. */
    this.retryAfter = retryAfter;
    this.attemptsRemaining = members.attempts_remaining ?? null;
    /** Positive when the device is ahead of the server. */
    this.clockSkewSeconds = members.clock_skew_seconds ?? null;
    this.errors = members.errors ?? [];
  }
}

let whenSessionIsLost = () => {};
/** Hands in what happens when the server no longer knows our token, wherever that turns up. */
export function onSessionLost(listener) {
  whenSessionIsLost = listener;
}

// A change that got no answer may have been made all the same; if our token is dead afterwards, it probably was.
let unansweredChange = false;

async function call(method, path, { body, token = session.token } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const stopWaiting = new AbortController();
  const patience = setTimeout(() => stopWaiting.abort(), PATIENCE_IN_MILLISECONDS);
  try {
    const response = await fetch(`/v1${path}`, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      signal: stopWaiting.signal, credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
    });
    const answer = await read(response);
    if (response.ok) {
      if (token) unansweredChange = false;
      return answer;
    }
    throw problem(response, answer);
  } catch (failure) {
    const refused = failure instanceof Problem ? failure : new Problem({ code: "no_answer" });
    if (refused.code === "no_answer" && method !== "GET" && token) unansweredChange = true;
    // A refusal of a token that has been replaced meanwhile says nothing about the one we hold now.
    if (refused.code === "invalid_token" && token === session.token) {
      session.end();
      whenSessionIsLost({ afterUnansweredChange: unansweredChange });
      unansweredChange = false;
    }
    throw refused;
  } finally {
    clearTimeout(patience);
  }
}

async function read(response) {
  if (response.status === 204) return null;
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return {}; // A proxy in between answers in HTML; the status still says what kind of no it was.
  }
}

function problem(response, members) {
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const codeByStatus = { 429: "too_many_attempts", 502: "unavailable", 503: "unavailable", 504: "unavailable" };
  return new Problem({
    code: members.code ?? codeByStatus[response.status] ?? "unexpected",
    status: response.status,
    detail: members.detail ?? "",
    retryAfter: Number.isFinite(wait) ? wait : null,
    members,
  });
}

// An act that ends every token answers with a fresh grant; from that moment on it is the one we hold.
function holding(answer) {
  session.begin(answer.grant);
  return answer;
}

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

export const api = {
  async logIn(email, password) {
    const answer = await call("POST", "/login", { body: { email, password }, token: null });
    if (answer.status === "authenticated") session.begin(answer);
    return answer;
  },
  async logInWithCode(challenge, code) {
    const grant = await call("POST", "/login/two-factor", { body: { challenge, code }, token: null });
    session.begin(grant);
    return grant;
  },
  async logOut() {
    const token = session.token;
    session.end();
    await call("POST", "/logout", { token });
  },

  requestPasswordReset: (email) => call("POST", "/password-reset", { body: { email }, token: null }),
  confirmPasswordReset: (token, newPassword, code = null) =>
    call("POST", "/password-reset/confirm", {
      body: { token, new_password: newPassword, ...(code && { code }) }, token: null,
    }),

  account: () => call("GET", "/me"),
  changePassword: async (currentPassword, newPassword) =>
    holding(await call("POST", "/me/password", { body: { current_password: currentPassword, new_password: newPassword } })),

  startEnrollment: (password) => call("POST", "/me/2fa/enrollment", { body: { password } }),
  cancelEnrollment: () => call("DELETE", "/me/2fa/enrollment"),
  confirmTwoFactor: async (code) => holding(await call("POST", "/me/2fa/confirm", { body: { code } })),
  disableTwoFactor: async (password, code = null) =>
    holding(await call("POST", "/me/2fa/disable", { body: { password, ...(code && { code }) } })),
  replaceRecoveryCodes: (password) => call("POST", "/me/2fa/recovery-codes", { body: { password } }),

  tokens: (cursor = null) => call("GET", `/me/tokens${query({ cursor })}`),
  createToken: (description, maxAgeSeconds, extendWhenUsed) =>
    call("POST", "/me/tokens", {
      body: {
        description,
        ...(maxAgeSeconds && { max_age_seconds: maxAgeSeconds, extend_when_used: extendWhenUsed }),
      },
    }),
  revokeToken: (id) => call("DELETE", `/me/tokens/${encodeURIComponent(id)}`),
  revokeAllTokens: (keepCurrent) => call("POST", "/me/tokens/revoke-all", { body: { keep_current: keepCurrent } }),

  events: (cursor = null) => call("GET", `/me/events${query({ limit: 25, cursor })}`),
};
