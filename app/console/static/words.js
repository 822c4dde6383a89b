// Everything the console says that depends on what happened: problems, events, times, devices. Sentences live here so that
// a person always reads what to do next, and a translator has one file to read.

// --- Problems -----------------------------------------------------------------------------------------------------

const SENTENCES = {
  invalid_credentials: () => "That address and password do not belong together. Check both and try again.",
  wrong_password: () => "That is not your password. Try again.",
  invalid_code: wrongCode,
  challenge_expired: () => "This log-in took too long, or had too many wrong codes. Enter your password again.",
  second_factor_required: () => "This account needs a second factor as well. Enter a code from your authenticator app, or a recovery code.",
  weak_password: (problem) => problem.detail || "This password is too easy to guess. Make it longer, with words that don't belong together.",
  enrollment_expired: () => "This set-up has expired: it has to be finished within a few minutes. Start again; you get a new code to scan.",
  no_pending_enrollment: () => "This set-up is no longer open. It may have been replaced in another window. Start again; you get a new code to scan.",
  two_factor_already_enabled: () => "Two-factor authentication is already on for this account, perhaps from another window.",
  two_factor_not_enabled: () => "Two-factor authentication is already off for this account, perhaps from another window.",
  reset_token_invalid: () => "This link is no longer valid. It works once, for a short time. Ask for a new one.",
  token_limit_reached: () => "You have as many personal tokens as one account may have. Revoke one that you no longer use, then try again.",
  session_required: () => "This can only be done after logging in with your password.",
  invalid_token: () => "Your session has ended. Log in again to go on.",
  too_many_attempts: () => "Too many attempts.",
  rate_limited: () => "Too many requests from your network.",
  overloaded: () => "The server is busy just now. Wait a moment, then try again.",
  unavailable: () => "The server can't do this just now. Wait a moment, then try again.",
  no_answer: () => navigator.onLine
    ? "The server did not answer. Check your connection, then try again."
    : "You are offline. Connect to the internet, then try again.",
  invalid_request: (problem) => problem.errors.map((error) => sentence(error.message)).join(" ") || "Check what you entered.",
};

/** What happened and what to do next. */
export function explain(problem) {
  const words = SENTENCES[problem.code];
  return words ? words(problem) : sentence(problem.detail) || "Something went wrong. Try again; if it stays so, tell the people who run this service.";
}

function wrongCode(problem) {
  const parts = [];
  if (problem.clockSkewSeconds) {
    parts.push(`That code was right for another time: your device's clock is about ${clockOff(problem.clockSkewSeconds)}.`,
      "Set the clock of the phone that shows the codes to automatic, then enter the new code.");
  } else {
    parts.push("That code is not right. Enter the one that is shown now; each works once.");
  }
  if (problem.attemptsRemaining !== null) parts.push(`${count(problem.attemptsRemaining, "attempt")} left.`);
  return parts.join(" ");
}

function clockOff(seconds) {
  const size = Math.abs(seconds);
  const amount = size < 60 ? count(size, "second") : count(Math.round(size / 60), "minute");
  return `${amount} ${seconds > 0 ? "ahead" : "behind"}`;
}

function sentence(words) {
  if (!words) return "";
  const capital = words[0].toUpperCase() + words.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

// --- Numbers and times --------------------------------------------------------------------------------------------

export function count(number, thing) {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}

/** "1 session and 2 personal tokens" */
export function whatEnded(revoked) {
  const parts = [];
  if (revoked.sessions) parts.push(count(revoked.sessions, "session"));
  if (revoked.personal_tokens) parts.push(count(revoked.personal_tokens, "personal token"));
  return parts.length ? parts.join(" and ") : "no other token";
}

export function numberEnded(revoked) {
  return revoked.sessions + revoked.personal_tokens;
}

/** "14:05" for a wait: minutes and seconds. */
export function clockFace(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** "about 15 minutes" for the same wait, read out. */
export function roughly(seconds) {
  return seconds < 90 ? count(seconds, "second") : `about ${count(Math.ceil(seconds / 60), "minute")}`;
}

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const DATE_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export const dateOf = (text) => DATE.format(new Date(text));
export const momentOf = (text) => DATE_AND_TIME.format(new Date(text));
export const timeOf = (text) => TIME.format(new Date(text));

/** "3 minutes ago", "in 12 days" */
export function fromNow(text) {
  const seconds = (new Date(text) - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 45) return seconds <= 0 ? "just now" : "in a moment";
  const [unit, length] = [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]]
    .find(([, span]) => size >= span) ?? ["minute", 60];
  return RELATIVE.format(Math.round(seconds / length), unit);
}

// --- Devices ------------------------------------------------------------------------------------------------------

const PROGRAMS = [
  [/Edg(e|A|iOS)?\//, "Edge"], [/OPR\//, "Opera"], [/SamsungBrowser\//, "Samsung Internet"], [/Firefox\/|FxiOS\//, "Firefox"],
  [/Chrome\/|CriOS\//, "Chrome"], [/Safari\//, "Safari"], [/^curl\//, "curl"], [/^python-|^Python/, "Python"],
];
const SYSTEMS = [
  [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Android/, "Android"], [/Windows/, "Windows"], [/CrOS/, "ChromeOS"],
  [/Mac OS X|Macintosh/, "macOS"], [/Linux/, "Linux"],
];

/** "Firefox on Windows" out of a User-Agent, as well as such a thing can be guessed. */
export function deviceOf(userAgent) {
  if (!userAgent) return "An unknown device";
  const find = (list) => list.find(([pattern]) => pattern.test(userAgent))?.[1];
  const program = find(PROGRAMS) ?? userAgent.split(/[\s/]/)[0].slice(0, 40);
  const system = find(SYSTEMS);
  return system ? `${program} on ${system}` : program;
}

export function proofOf(amr) {
  if (amr?.includes("otp")) return "password and authenticator code";
  if (amr?.includes("recovery_code")) return "password and a recovery code";
  return "password";
}

// --- Events -------------------------------------------------------------------------------------------------------

const byAdministrator = (details) => (details.client_id ? " by an administrator" : "");

// [picture, tone, words]: the tone says whether somebody should look twice.
const EVENTS = {
  "login.succeeded": ["check", "good", (details) => `Logged in with ${proofOf(details.amr)}`],
  "login.failed": ["warning", "odd", (details) => (details.reason === "invalid_code" || details.reason === "wrong_code"
    ? "Log-in refused: the code was wrong" : "Log-in refused: the password was wrong")],
  "two_factor.enrollment_started": ["shield", "plain", () => "Started to set up two-factor authentication"],
  "two_factor.enabled": ["shield", "good", () => "Two-factor authentication turned on"],
  "two_factor.disabled": ["shield", "odd", (details) => `Two-factor authentication turned off${/reset/.test(details.reason ?? "") ? " by a password reset" : ""}`],
  "two_factor.reset": ["shield", "odd", () => "Two-factor authentication reset by an administrator"],
  "two_factor.code_refused": ["warning", "odd", () => "A code was refused"],
  "recovery_code.used": ["key", "odd", () => "A recovery code was used"],
  "recovery_codes.replaced": ["key", "plain", () => "New recovery codes made; the old ones stopped working"],
  "password.refused": ["warning", "odd", () => "A wrong password was entered to confirm a change"],
  "password.changed": ["lock", "plain", () => "Password changed"],
  "password_reset.requested": ["mail", "odd", (details) => `Password reset asked for${byAdministrator(details)}`],
  "password_reset.completed": ["lock", "odd", () => "Password reset with a link from a mail"],
  "token.created": ["key", "plain", () => "Personal token created"],
  "token.revoked": ["key", "plain", () => "Token revoked"],
  "tokens.revoked": ["key", "plain", (details) => `${byAdministrator(details) ? "Tokens revoked by an administrator" : "Tokens revoked"}`],
  "account.created": ["person", "plain", () => "Account created"],
  "account.disabled": ["stop", "odd", () => "Account disabled"],
  "account.enabled": ["person", "good", () => "Account enabled"],
  "account.deleted": ["stop", "odd", () => "Account deleted"],
};

/** One security event in words, with a picture and a tone ("good", "plain", "odd"). */
export function eventInWords(event) {
  const [picture, tone, words] = EVENTS[event.type] ?? ["info", "plain", () => event.type];
  const revoked = event.details.revoked;
  const ended = revoked && numberEnded(revoked) ? `${whatEnded(revoked)} ended` : null;
  return { picture, tone, words: words(event.details), ended };
}
