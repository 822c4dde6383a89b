// @ts-check
// Why a call did not give what was asked: the API's problem document (RFC 9457), or no answer at all.

/** @typedef {import("./types.js").ProblemBody} ProblemBody */

/** @type {Record<number, string>} */
const CODE_BY_STATUS = { 429: "too_many_attempts", 502: "unavailable", 503: "unavailable", 504: "unavailable" };

export class Problem extends Error {
  /**
   * @param {string} code @param {number} [status] @param {number | null} [retryAfter] @param {ProblemBody} [body]
   */
  constructor(code, status = 0, retryAfter = null, body = {}) {
    super(code);
    this.code = code;
    this.status = status;
    /** Whole seconds to wait before asking again, or null. */
    this.retryAfter = retryAfter;
    this.detail = body.detail ?? "";
    this.attemptsRemaining = body.attempts_remaining ?? null;
    /** Positive when the device is ahead of the server. */
    this.clockSkewSeconds = body.clock_skew_seconds ?? null;
    this.checkDeviceClock = body.check_device_clock ?? false;
    /** How old a proof may be, in seconds. */
    this.maxAge = body.max_age ?? null;
    this.errors = body.errors ?? [];
  }
}

/** A proxy in between answers in HTML; the status still says what kind of refusal it was. @param {number} status
 * @param {string | null} retryAfter @param {ProblemBody} body */
export function problemFrom(status, retryAfter, body) {
  const wait = Number.parseInt(retryAfter ?? "", 10);
  const code = body.code ?? CODE_BY_STATUS[status] ?? "unexpected";
  return new Problem(code, status, Number.isFinite(wait) ? wait : null, body);
}
