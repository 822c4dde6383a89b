// @ts-check
// Everything the console says, in English of the United States. A translation is an object of the same shape
// (`Words` in words.js); a sentence with a link or an address inside takes that element as an argument.

/** @typedef {import("../types.js").Problem} Problem */
/** @typedef {import("../types.js").Revoked} Revoked */
/** @typedef {import("../types.js").Details} Details */
/** @typedef {(words: string) => Node} Link */

/** @param {number} number @param {string} thing */
const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

/** "1 session and 2 personal tokens", or "" @param {Revoked} revoked */
function ended({ sessions, personal_tokens }) {
  const parts = [];
  if (sessions > 0) parts.push(count(sessions, "session"));
  if (personal_tokens > 0) parts.push(count(personal_tokens, "personal token"));
  return parts.join(" and ");
}

/** @param {string[] | undefined} amr */
function proof(amr) {
  if (amr?.includes("pop")) return amr.includes("pwd") ? "password and a security key" : "a passkey";
  if (amr?.includes("otp")) return "password and a code from the app";
  if (amr?.includes("recovery_code")) return "password and a recovery code";
  return "password";
}

/** The ends of sessions that are no revocation to a person. @type {Record<string, string>} */
const revokedBecause = {
  logout: "Logged out",
  reauthenticated: "Session renewed after a new proof",
  authenticator_added: "Session renewed with the new authenticator",
};

/** @param {Details} details */
const called = ({ description }) => (description ? ` “${description}”` : "");

/** @param {Details} details */
const byAdministrator = (details) => (details.client_id ? " by an administrator" : "");

/** @param {Problem} problem */
function attemptsLeft({ attemptsRemaining }) {
  return attemptsRemaining === null ? "" : ` ${count(attemptsRemaining, "attempt")} left.`;
}

/** @param {number} seconds positive when the device is ahead */
function clockOff(seconds) {
  const size = Math.abs(seconds);
  const amount = size < 60 ? count(size, "second") : count(Math.round(size / 60), "minute");
  return `${amount} ${seconds > 0 ? "ahead" : "behind"}`;
}

const CHECK_CLOCK = " Codes keep being refused? Check that your phone sets its clock automatically.";

export const sentences = {
  /** For dates where the browser prefers no region of this language. */
  region: "en-US",

  account: "Your account",
  skip: "Skip to the content",
  logIn: "Log in",
  logOut: "Log out",
  next: "Next",
  cancel: "Cancel",
  done: "Done",
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Press Ctrl+C or ⌘C to copy",
  showMore: "Show more",
  tryAgain: "Try again",
  loading: "Loading…",
  moreLoaded: "More loaded.",
  backToLogIn: "Back to log in",
  help: "Get help",
  privacy: "Privacy",
  noAnswerTitle: "No answer",
  loggedOut: "You are logged out.",
  /** @param {string} duration */
  loggedOutUnanswered: (duration) => "You are logged out on this device. The server did not answer, so the session"
    + ` ends by itself, at the latest ${duration} after you logged in.`,
  sessionEnded: "Your session has ended. Sessions end after some time without use, and whenever the way you log in"
    + " changes. Log in again to continue.",
  idleness: {
    title: "Are you still there?",
    /** @param {string} duration */
    why: (duration) => `Nothing has happened here for a while. You will be logged out in less than ${duration}.`,
    stay: "Stay logged in",
  },
  mayHaveChanged: " Your last change got no answer, but it may have been made: if two-factor authentication is on now,"
    + " log in with a code from your app and create new recovery codes.",

  navigation: {
    userInformation: "User information",
    authenticationMethods: "Authentication methods",
    authenticationTokens: "Authentication tokens",
    activity: "Activity",
  },

  /** What went wrong and what to do next, by the code of the problem. */
  problems: {
    invalid_credentials: "That address and password don't match. Check both and try again.",
    wrong_password: "Wrong password. Try again.",
    /** @param {Problem} problem */
    invalid_code: (problem) => (problem.clockSkewSeconds
      ? `That code was right for another time: your device's clock is about ${clockOff(problem.clockSkewSeconds)}.`
        + ` Set the clock of the phone that shows the codes to automatic, then enter the new code.${
          attemptsLeft(problem)}`
      : "That code is not right. Enter the one your app shows now; each works once."
        + `${attemptsLeft(problem)}${problem.checkDeviceClock ? CHECK_CLOCK : ""}`),
    /** @param {Problem} problem */
    invalid_recovery_code: (problem) => "This is not one of your unused recovery codes. Each works once, and only the"
      + ` newest set counts.${attemptsLeft(problem)}`,
    challenge_expired: "This log-in took too long. Enter your password again.",
    challenge_used_up: "Too many wrong codes. Enter your password again.",
    second_factor_required: "This account needs a second factor as well. Enter a code from your authenticator app, or"
      + " a recovery code.",
    /** Said where the server's reason is not in this language. */
    weak_password: "This password is too easy to guess, or the one that you have. Choose another, best of a few words"
      + " that don't belong together.",
    enrollment_expired: "This setup has expired: it has to be finished within a few minutes. Start again; you get a"
      + " new code to scan.",
    no_pending_enrollment: "This setup is no longer open. It may have been replaced in another window. Start again;"
      + " you get a new code to scan.",
    two_factor_already_enabled: "Two-factor authentication is already on for this account.",
    two_factor_required_by_policy: "This account must have two-factor authentication, so it can't be turned off. You"
      + " can replace your device instead.",
    ticket_expired: "This log-in took too long. Enter your password again.",
    two_factor_not_enabled: "Two-factor authentication is already off for this account.",
    not_me_link_invalid: "This link is no longer valid. It works once, for 7 days. Reset your password instead.",
    reset_token_invalid: "This link is no longer valid. It works once, for a short time. Request a new one.",
    password_reset_required: "This password is known from a data breach, so it opens nothing here. An email with a link"
      + " to choose another one is on its way to you.",
    cancel_link_invalid: "This link is no longer valid: it was used, or what it would cancel has ended.",
    email_token_invalid: "This link is no longer valid. It may have been used, cancelled, or have run out.",
    token_limit_reached: "You have as many personal tokens as one account may have. Revoke one that you no longer use,"
      + " then try again.",
    not_found: "This is no longer there. It may have been removed in another window.",
    authenticator_exists: "This device is registered already.",
    authenticator_limit_reached: "You have as many of these as one account may have. Remove one that you no longer use,"
      + " then try again.",
    last_authenticator: "This is your last one. To do without it, turn two-factor authentication off.",
    registration_expired: "This took too long, or was started again in another window. Try again.",
    /** @param {Problem} problem */
    invalid_credential: (problem) => `The answer of your key was not accepted. Try again.${attemptsLeft(problem)}`,
    invalid_passkey: "This passkey doesn't log in to any account here. It may have been removed. Log in with your"
      + " password instead.",
    method_not_available: "This account has no security key any more. Choose another way.",
    credential_cancelled: "Your browser got no answer: the request was cancelled, took too long, or this device has no"
      + " fitting key.",
    /** @param {Problem} problem */
    credential_elsewhere: (problem) => "Security keys and passkeys don't work under this address. Open this page under"
      + ` ${problem.detail} instead.`,
    credential_unsupported: "This browser or device can't do that. Use another one, or keep to an authenticator app.",
    credential_failed: "Your browser could not use the key. Try again, or use another one.",
    reauthentication_required: "Nothing was changed: this needs a new proof that it is you.",
    session_required: "This can only be done after logging in with your password.",
    invalid_token: "Your session has ended. Log in again to continue.",
    too_many_attempts: "Too many attempts.",
    too_many_codes: "Too many wrong codes. Until this ends, no code works, recovery codes included; you have been"
      + " emailed about it.",
    rate_limited: "Too many requests from your network.",
    overloaded: "The server is busy right now. Wait a moment, then try again.",
    unavailable: "The server can't do this right now. Wait a moment, then try again.",
    no_answer: "The server did not answer. Check your connection, then try again.",
    offline: "You are offline. Connect to the internet, then try again.",
    invalid_request: "Check what you entered.",
    unexpected: "Something went wrong. Try again; if it keeps happening, tell the people who run this service.",
  },

  form: {
    /** @param {string} thing */
    enter: (thing) => `Enter ${thing}.`,
    email: "Email address",
    emailWanted: "your email address",
    emailMalformed: "Enter an email address, such as name@example.com.",
    password: "Password",
    passwordWanted: "your password",
    name: "Name",
    nameWanted: "a name",
    nameHint: "Where it is or what it looks like, so that you recognize it later.",
    toBeSure: "To make sure that it is you.",
    show: "Show",
    hide: "Hide",
    /** The name of the button for a screen reader, which begins or ends with what is written on it.
     * @param {string} act @param {string} label */
    reveal: (act, label) => `${act} ${label.toLowerCase()}`,
    code: "Code from your app",
    codeWanted: "the six digits",
    codeMalformed: "The code has six digits.",
    recoveryCode: "Recovery code",
    recoveryCodeWanted: "a recovery code",
    recoveryCodeMalformed: "A recovery code has 24 letters and digits, such as ABCD-EFGH-…",
    anyCode: "Code from your app, or a recovery code",
    anyCodeWanted: "a code",
    anyCodeMalformed: "Enter the six digits, or a recovery code of 24 letters and digits.",
    tryAgainIn: "You can try again in ",
    tryAgainNow: "You can try again now.",
    /** A wait that is read out. @param {number} seconds */
    roughly: (seconds) => (seconds < 90
      ? count(seconds, "second") : `about ${count(Math.ceil(seconds / 60), "minute")}`),
  },

  newPassword: {
    label: "New password",
    wanted: "your new password",
    /** @param {number} length */
    hint: (length) => `At least ${length} characters. A few unrelated words are best.`,
    strength: "Strength",
    levels: ["Very weak", "Weak", "Fair", "Good", "Strong"],
    /** @param {number} length */
    tooShort: (length) => `Use at least ${length} characters.`,
    longer: "Longer is stronger: three or four words that don't belong together do well.",
    /** @param {string} level @param {string} advice */
    announced: (level, advice) => `Password strength: ${level}. ${advice}`,
  },

  logInView: {
    title: "Log in",
    twoFactorTitle: "Two-factor authentication",
    forgot: "Forgot password?",
    change: "Change",
    byPasskey: "Log in with a passkey",
    lostBoth: "Lost both your device and your recovery codes?",
    lostBothReset: "Reset your password",
    /** @param {string} issuer */
    lostBothAsk: (issuer) => `Ask the people who run ${issuer} to reset it.`,
    /** @param {string} when @param {string} date */
    clears: (when, date) => `A password reset turns two-factor authentication off ${when}, on ${date}.`,
    clearsRest: " Log in with a code to cancel that and keep it on. Without your device, wait until then and log in"
      + " with your password. If you did not reset the password, use the link in the email about it.",
    breached: "Your password is known from a data breach.",
    /** @param {Link} link */
    breachedRest: (link) => ["Others may try it. ", link("Choose another one"), "."],
    afterRecoveryCode: "You logged in with a recovery code.",
    /** @param {number} number */
    codesLeft: (number) => ` ${count(number, "recovery code")} left.`,
    /** @param {Link} link */
    replaceDevice: (link) => ["If your device is lost, replace or remove it under ", link("Authentication methods"),
      "."],
  },

  /** The ways to prove the second factor, at the log-in and later. */
  secondFactor: {
    use: {
      webauthn: "Use your security key or passkey",
      totp: "Use a code from the app",
      recovery_code: "Use a recovery code",
    },
    useKey: "Use your key",
    keyHint: "Press the button, then follow your browser: it asks for your security key or passkey.",
    /** @param {string} issuer */
    codeHint: (issuer) => `Open your authenticator app and enter the six digits it shows for ${issuer}.`,
    recoveryHint: "One of the ten codes you saved when you turned two-factor authentication on. Each works once.",
  },

  reauthentication: {
    title: "Confirm that it's you",
    /** @param {string | null} age */
    why: (age) => `For this change, ${age ? `you must have proved your second factor within the last ${age}`
      : "prove once more that it's you"}. What you entered is kept.`,
    act: "Confirm",
  },

  forgotView: {
    title: "Reset your password",
    send: "Send the link",
    intro: "We'll email you a link to choose a new password.",
    /** What the reset does to two-factor authentication, by the operator's policy. @type {Record<string, string>} */
    policy: {
      clears_two_factor: "If two-factor authentication is on, the reset turns it off and your recovery codes stop"
        + " working; you can turn it on again afterwards.",
      clears_two_factor_later: "If two-factor authentication is on, it stays on at first. Without your device and"
        + " recovery codes, wait a few days after the reset; then it goes off.",
      requires_second_factor: "If two-factor authentication is on, it stays on: you also need a code from your app, or"
        + " a recovery code.",
    },
    /** @param {string} issuer */
    askOperators: (issuer) => `Lost both? Ask the people who run ${issuer} to reset it.`,
    sentTitle: "Check your email",
    /** @param {Node} address @param {string} duration */
    sent: (address, duration) => ["If ", address, ` has an account, an email with a link is on its way. The link works`
      + ` once, for ${duration}.`],
    nothingThere: "Nothing there after a few minutes? Check your spam folder, and check that this is the address of"
      + " your account.",
    otherAddress: "Use another address",
    sendAgain: "Send it again",
    sentAgain: "Requested again. Either link works, until one of them is used.",
  },

  resetView: {
    title: "Choose a new password",
    /** @param {Node} address */
    whose: (address) => ["For ", address, "."],
    save: "Save the new password",
    /** What will happen, by what the server says of this account. @type {Record<string, string>} */
    twoFactor: {
      cleared: "This also turns two-factor authentication off, and your recovery codes stop working. You can turn it on"
        + " again after you log in.",
      kept: "Two-factor authentication stays on, so a code is needed here as well.",
    },
    /** @param {string} date */
    clearing: (date) => `Two-factor authentication stays on for now, and goes off on ${date}. If you have your device`
      + " or a recovery code, log in with it before then: that keeps it on.",
    paused: "Two-factor authentication stays on: turning it off was cancelled not long ago.",
    codeNeeded: "This account needs its second factor as well: a code from your app, or a recovery code.",
    /** @param {string} issuer */
    noCode: (issuer) => `No device and no recovery codes? Ask the people who run ${issuer} to reset your two-factor`
      + " authentication.",
    doneTitle: "Your new password is saved",
    nowOff: "Two-factor authentication is off now.",
    nowOffRest: " Your recovery codes no longer work. Log in, then turn it on again under Authentication methods.",
    stillOn: "Two-factor authentication is still on: have your code ready when you log in.",
    /** @param {string} date */
    goesOff: (date) => `It goes off on ${date}, unless you log in with a code before.`,
    afterReload: "The link only works in the window that it was opened in, and not after a reload. Open it from the"
      + " email again, or request a new one.",
    broken: "A part of this link is missing or was changed on the way. Copy the whole link from the email, or request"
      + " a new one.",
    request: "Request a new link",
  },

  keepView: {
    title: "Keep two-factor authentication on",
    why: "Somebody reset the password of this account by email, without its second factor. After a wait this turns"
      + " two-factor authentication off.",
    consequence: "If it was not you, cancel it: two-factor authentication stays on, the password that was set no longer"
      + " works, and everything that is logged in ends.",
    orLogIn: "Was it you, and you found your device? Then log in with a code instead: that keeps your new password.",
    act: "Keep it on",
    doneTitle: "Two-factor authentication stays on",
    done: "The password that was set no longer works. Choose a new one to log in.",
    mailbox: "If it was not you who reset the password, somebody else can read your email: change the password of your"
      + " mailbox first.",
    reset: "Reset your password",
  },

  linkPage: {
    unusableTitle: "This link can't be used",
    afterReload: "The link only works in the window that it was opened in, and not after a reload. Open it from the"
      + " email again.",
    broken: "A part of this link is missing or was changed on the way. Copy the whole link from the email.",
  },

  changeEmailView: {
    title: "Change email address",
    label: "New email address",
    /** @param {Node} address */
    intro: (address) => ["Your address is ", address, ". We'll email a link to the new one; nothing changes before you"
      + " open it."],
    consequence: "When you confirm, you are logged out everywhere. Your old mailbox gets a link that takes the change"
      + " back.",
    send: "Send the link",
    /** @param {Node} address */
    sent: (address) => ["An email with a link is on its way to ", address, ". Open the link to confirm the address."],
  },

  emailChangeView: {
    title: "Confirm your new address",
    intro: "From then on you log in with this address, and it gets our emails. You are logged out everywhere.",
    confirm: "Confirm this address",
    doneTitle: "Your new address is confirmed",
    /** @param {Node} address */
    done: (address) => ["Log in with ", address, " from now on."],
  },

  emailUndoView: {
    title: "Take the change back",
    intro: "The address of your account was changed. If that was not you, take the change back: this address counts"
      + " again.",
    consequence: "Whatever was done to the account since then ends: everybody is logged out, authenticators that were"
      + " added are removed, and the password stops working. You choose a new one right after.",
    undo: "Take the change back",
    doneTitle: "The change is taken back",
    /** @param {Node} address */
    done: (address) => ["Your account has the address ", address, " again, and everybody is logged out. It has no"
      + " password any more: choose a new one now."],
    reset: "Choose a new password",
  },

  notMeView: {
    title: "This wasn't me",
    consequences: [
      "Did somebody else do what the email tells of? This ends every session and token of your account, theirs and"
        + " yours.",
      "You then get an email with a link to choose a new password. Use one that you use nowhere else.",
    ],
    end: "End everything",
    doneTitle: "Everything has ended",
    /** @param {string} what */
    ended: (what) => `${what} ended. Nobody is logged in to your account now.`,
    nothingEnded: "Nobody was logged in to your account.",
    next: "An email with a link to choose a new password is on its way. Whoever knows the old one can still log in"
      + " until you do.",
    reset: "Reset your password",
  },

  userView: {
    title: "User information",
    account: "Account",
    change: "Change",
    pending: "New address",
    pendingHint: "Waits until you open the link in the email.",
    cancelChange: "Cancel the change",
    changeCancelled: "The change is cancelled. Your address stays as it is.",
    memberSince: "Member since",
    language: "Language",
    languageHint: "Of emails, and of these pages if there is a translation.",
    languageOfBrowser: "Not chosen; as your browser",
    languageSaved: "Your language is saved.",
    id: "Account ID",
    security: "Security",
    access: "Has access now",
    manage: "Manage",
    renew: "New codes",
    see: "Show them",
    twoFactor: "Two-factor authentication",
    on: "On",
    off: "Off",
    /** @param {string} date @param {string | null} used */
    since: (date, used) => `since ${date}${used ? `, last used ${used}` : ""}`,
    recoveryCodes: "Recovery codes",
    /** @param {number} number */
    codesLeft: (number) => `${number} of 10 left`,
    protect: "Protect your account with a second key",
    protectWhy: "A code from an app on your phone, asked for after your password. Somebody who learns your password"
      + " still can't get in. Setting it up takes two minutes.",
    protectAct: "Set up two-factor authentication",
    runningOut: "Your recovery codes are running out",
    /** @param {number} number */
    runningOutWhy: (number) => `You have ${number} left. Create a new set before you need one.`,
    runningOutAct: "Create new recovery codes",
  },

  methodsView: {
    title: "Authentication methods",
    password: "Password",
    /** @param {string} email */
    passwordHint: (email) => `Log in as ${email} with your password.`,
    changePassword: "Change password",
    twoFactor: "Two-factor authentication",
    on: "On",
    off: "Off",
    /** @param {string} date @param {string | null} used */
    onSince: (date, used) => ` since ${date}${used ? `; last used ${used}` : ""}. Logging in asks for one of your`
      + " authenticators as well.",
    offHint: " Ask for a code from an app on your phone as well, so a stolen password isn't enough.",
    unfinished: "You started to set this up and did not finish. Turn it on to start again.",
    recoveryCodes: "Recovery codes",
    runningLow: "Running low",
    /** @param {number} number */
    codesLeft: (number) => `${count(number, "code")} left, in case you lose your device.`,
    newCodes: "Create new codes",
  },

  authenticators: {
    title: "Authenticators",
    hint: "What proves that it is you. Have two, so that one can get lost.",
    hintOff: "The first one turns two-factor authentication on.",
    kinds: { totp: "Authenticator app", key: "Security key", passkey: "Passkey" },
    synced: ", synced between your devices",
    /** @param {string} moment */
    lastUsed: (moment) => `Last used ${moment}.`,
    neverUsed: "Never used.",
    /** @param {string} date */
    added: (date) => `Added ${date}.`,
    addApp: "Add an app",
    addSecurityKey: "Add a security key",
    addPasskey: "Add a passkey",
    replace: "Replace",
    /** @param {string} name */
    replaceNamed: (name) => `Replace ${name}`,
    manage: "Manage",
    /** @param {string} name */
    manageNamed: (name) => `Manage ${name}`,
    /** @param {string} name */
    isAdded: (name) => `“${name}” is added.`,
  },

  authenticatorView: {
    title: "Authenticator",
    kind: "Kind",
    added: "Added",
    lastUse: "Last used",
    never: "Never",
    nameTitle: "Rename",
    rename: "Save the name",
    /** @param {string} name */
    renamed: (name) => `It is called “${name}” now.`,
    replaceTitle: "A new phone?",
    replaceHint: "Move to an app on another device. The old one works until the new one is confirmed.",
    replace: "Replace",
    removeTitle: "Remove",
    removeConsequence: "It can no longer be used to log in. All other sessions and all personal tokens end. You stay"
      + " logged in here.",
    remove: "Remove",
    /** @param {string} name */
    removed: (name) => `“${name}” is removed.`,
    /** @param {Link} link */
    lastOne: (link) => ["This is your only one. Add another one first, or ",
      link("turn two-factor authentication off"), "."],
  },

  addAppView: {
    title: "Add an authenticator app",
    step: ["Name and password", "Your app"],
    act: "Add",
  },

  addSecurityKeyView: {
    title: "Add a security key",
    intro: "A key that you plug in or hold to your phone. Logging in asks for your password, then for a touch of the"
      + " key.",
    act: "Add the security key",
  },

  addPasskeyView: {
    title: "Add a passkey",
    intro: "Your phone, computer or password manager keeps it, and unlocks it with your fingerprint, face or PIN. It"
      + " logs you in without a password.",
    act: "Add the passkey",
  },

  replaceView: {
    title: "Replace your authenticator app",
    intro: "The old device works until the new one is confirmed. Your recovery codes stay as they are.",
    step: ["Your password", "Your new device"],
    act: "Replace",
    /** @param {string} name */
    done: (name) => `“${name}” is replaced.`,
    doneRest: " Codes from the old device no longer work.",
  },

  changePasswordView: {
    title: "Change password",
    current: "Current password",
    currentWanted: "your current password",
    consequence: "All other sessions and all personal tokens end. You stay logged in here, and two-factor"
      + " authentication stays as it is.",
    done: "Your password is changed.",
  },

  mustEnroll: {
    /** @param {string} moment */
    until: (moment) => `Your account must have two-factor authentication from ${moment}. Until then you can set it up`
      + " whenever it suits you:",
    soon: "Your account must have two-factor authentication soon:",
    setUp: "set it up now",
    title: "Set up two-factor authentication",
    why: "Your account must have two-factor authentication before you can go on. Your password was right; setting this"
      + " up takes two minutes, and then you are logged in.",
    app: "Use an authenticator app",
    key: "Use a security key",
    passkey: "Use a passkey",
    otherWay: "Choose another way",
  },

  enableView: {
    title: "Set up two-factor authentication",
    codesTitle: "Save your recovery codes",
    steps: "Steps",
    step: ["Your password", "Your app", "Recovery codes"],
    /** @param {number} number @param {number} all */
    stepOf: (number, all) => `Step ${number} of ${all}:`,
    enable: "Turn on",
    /** @param {Link} key @param {Link} passkey */
    orAKey: (key, passkey) => ["No app? Use a ", key("security key"), " or a ", passkey("passkey"), " instead."],
    scan: "Scan this with your authenticator app",
    qr: "QR code for your authenticator app",
    anyApp: "Any app for one-time codes works: Aegis, 1Password, Google Authenticator, Microsoft Authenticator, and"
      + " many more.",
    /** @param {Link} link */
    onThisDevice: (link) => ["App on this device? ", link("Open it there"), ". Or type the setup key:"],
    key: "Setup key",
    codeHint: "Add the account to your app first, then enter the six digits that it shows.",
    /** @param {string} duration */
    timeLeft: (duration) => `Finish within ${duration}.`,
    /** @param {string} name */
    replaced: (name) => `Did you scan a code before? Delete that “${name}” entry in your app; only this one`
      + " counts.",
    codesIntro: "Two-factor authentication is on. If you ever lose your device, each of these codes logs you in once in"
      + " its place.",
    done: "Two-factor authentication is on.",
    fromNowOn: " From now on, logging in asks for a code.",
  },

  disableView: {
    title: "Turn off two-factor authentication",
    act: "Turn off two-factor authentication",
    revoked: "All authentication tokens will be revoked.",
    revokedRest: " Every session and every personal token of this account ends, on all devices. You stay logged in"
      + " here.",
    /** @param {string} others */
    rightNow: (others) => (others ? `Besides this session, that is ${others} right now.` : ""),
    codes: "Your recovery codes stop working, and logging in asks for your password alone.",
    done: "Two-factor authentication is off.",
    doneRest: " You are still logged in.",
  },

  recoveryView: {
    title: "New recovery codes",
    act: "Create new codes",
    consequence: "You get ten new codes, and the ones you have stop working.",
    save: "Save your new recovery codes",
    done: "Your new recovery codes are active. The old ones no longer work.",
  },

  codesPanel: {
    label: "Recovery codes",
    onlyNow: "They are shown only now.",
    keep: " Keep them where you can reach them without your device: in a password manager, or on paper.",
    download: "Download",
    print: "Print",
    saved: "I have saved them",
    /** @param {string} issuer @param {string} email */
    heading: (issuer, email) => `${issuer} recovery codes for ${email}`,
    /** @param {string} date @param {string} address */
    made: (date, address) => `Created on ${date} for ${address}. Each code works once. Keep this private.`,
    /** @param {string} issuer @param {string} email */
    file: (issuer, email) => `${issuer}-recovery-codes-${email}`,
    notSaved: "You have not said that your recovery codes are saved, and they are never shown again. Leave anyway?",
  },

  /** What a change ended besides the session that made it. @param {Revoked} revoked */
  alsoEnded: (revoked) => (ended(revoked) ? ` Also logged out: ${ended(revoked)}.` : " Nothing else was logged in."),
  /** @param {Revoked} revoked */
  whatEnded: (revoked) => ended(revoked),
  /** @param {string} what */
  endedElsewhere: (what) => `Everything that was logged in to your account has been logged out: ${what} ended.`,

  tokensView: {
    title: "Authentication tokens",
    lead: "Everything that has access to your account right now. Revoke what you don't recognize.",
    sessions: "Sessions",
    sessionsHint: "Browsers that are logged in.",
    noSessions: "No sessions.",
    personal: "Personal tokens",
    personalHint: "For scripts and apps of your own.",
    noPersonal: "No personal tokens.",
    create: "Create personal token",
    revoke: "Revoke",
    revokeAll: "Log out everywhere",
    thisSession: "This session",
    /** @param {number} number */
    moreLikeIt: (number) => `Show ${number} more of this device and address`,
    logOutHere: "Log out of this session",
    /** @param {string} name @param {string} since */
    revokeNamed: (name, since) => `Revoke ${name}, ${since}`,
    rename: "Rename",
    /** @param {string} name */
    renameNamed: (name) => `Rename ${name}`,
    saveName: "Save",
    /** @param {string} name */
    renamed: (name) => `It is called “${name}” now.`,
    /** @param {string} moment @param {string | null} ip @param {string | null} device */
    lastUsed: (moment, ip, device) => ["Last used", moment, ip && `from ${ip}`, device && `with ${device}`]
      .filter(Boolean).join(" "),
    notUsedYet: "Not used since the log-in",
    neverUsed: "Never used",
    /** @param {string} moment @param {string[]} amr */
    loggedIn: (moment, amr) => `Logged in ${moment} with ${proof(amr)}`,
    /** @param {string} moment */
    created: (moment) => `Created ${moment}`,
    noEnd: "no expiration",
    /** @param {string} moment */
    ends: (moment) => `ends ${moment}`,
    /** @param {string} moment */
    endsUnused: (moment) => `ends if unused until ${moment}`,
    logOutQuestion: "Log out of this session?",
    logOutConsequence: "You are logged out here and have to log in again.",
    /** @param {string} name */
    revokeQuestion: (name) => `Revoke “${name}”?`,
    revokeConsequence: "Whatever uses it loses access at once. This can't be undone.",
    /** @param {string} name */
    revoked: (name) => `“${name}” is revoked.`,
    revokeAllQuestion: "Log out everywhere?",
    revokeAllConsequence: "Every session and every personal token of your account ends, on all devices.",
    stay: "Stay logged in here",
    /** @param {Revoked} revoked */
    allRevoked: (revoked) => `All tokens are revoked: ${ended(revoked) || "nothing else was logged in"}. Log in again`
      + " to continue.",
    /** @param {Revoked} revoked */
    othersRevoked: (revoked) => (ended(revoked) ? `Revoked: ${ended(revoked)}.` : "There was nothing else to revoke.")
      + " You are still logged in here.",
    description: "Description",
    descriptionHint: "What it is for, so that you recognize it later.",
    descriptionWanted: "a description",
    lifetime: "Lifetime",
    lifetimes: { week: "7 days", month: "30 days", quarter: "90 days", year: "1 year", none: "No expiration" },
    extend: "Start the lifetime again at each use",
    scopes: "Scopes (optional)",
    scopesHint: "Words for the services that you use it with, with spaces between.",
    scopesMalformed: "A scope has no quotation marks, backslashes or accents.",
    /** @param {string[]} scopes */
    hasScopes: (scopes) => `Scopes: ${scopes.join(", ")}`,
    addresses: "Works only from (optional)",
    addressesHint: "Addresses or networks, such as 203.0.113.7 or 2001:db8::/32, with spaces between.",
    /** @param {string[]} addresses */
    worksFrom: (addresses) => `Works only from ${addresses.join(", ")}`,
    createAct: "Create",
    newToken: "Your new token",
    /** @param {string} name */
    ready: (name) => `“${name}” is ready`,
    onlyNow: "It is shown only now.",
    copyIt: " Copy it to where it is used; whoever has it can read your account.",
    header: "Send it as a header:",
    tokenCreated: "Token created.",
    notSaved: "Your new token is never shown again. Leave without it?",
  },

  activityView: {
    title: "Activity",
    /** @param {Link} link */
    lead: (link) => ["What happened to your account. Something you don't recognize? ",
      link("Change your password"), "; that logs out everybody else as well."],
    empty: "Nothing has happened yet.",
    show: "Show",
    kinds: { all: "Everything", logIns: "Log-ins", changes: "Changes", refused: "Refused" },
    noneOfThem: "Nothing of this kind.",
    /** @param {Revoked} revoked */
    ended: (revoked) => `${ended(revoked)} ended`,
  },

  unknownDevice: "An unknown device",
  /** @param {string} program @param {string} system */
  programOn: (program, system) => `${program} on ${system}`,
  justNow: "just now",
  inAMoment: "in a moment",

  /** @type {Record<string, (details: Details) => string>} */
  events: {
    "login.succeeded": (details) => `Logged in with ${proof(details.amr)}`,
    "login.failed": (details) => (details.reason === "invalid_code" || details.reason === "wrong_code"
      ? "Log-in refused: the code was wrong"
      : details.reason === "password_breached"
        ? "Log-in refused: the password is known from a data breach" : "Log-in refused: the password was wrong"),
    "two_factor.enrollment_started": () => "Started to set up two-factor authentication",
    "two_factor.enrollment_cancelled": () => "Stopped setting up two-factor authentication",
    "two_factor.enabled": () => "Two-factor authentication turned on",
    "two_factor.disabled": (details) => "Two-factor authentication turned off"
      + (/reset/.test(details.reason ?? "") ? " by a password reset" : ""),
    "two_factor.reset": () => "Two-factor authentication reset by an administrator",
    "two_factor.clearing_started": () => "A password reset began to turn two-factor authentication off",
    "two_factor.clearing_cancelled": (details) => "Two-factor authentication was kept on"
      + ({ link: " with a link from an email", operator: " by an administrator" }[details.by ?? ""]
        ?? " by a log-in with it"),
    "two_factor.cleared": () => "Two-factor authentication turned off by a log-in after a password reset",
    "two_factor.code_refused": () => "A code was refused",
    "two_factor.credential_refused": () => "A security key or passkey was refused",
    "authenticator.added": () => "Authenticator added",
    "authenticator.replaced": () => "Authenticator replaced",
    "authenticator.removed": (details) => `Authenticator removed${byAdministrator(details)}`,
    "authenticator.renamed": () => "Authenticator renamed",
    "authenticator.clone_suspected": () => "A security key was refused: a copy of it may be in use",
    "recovery_code.used": () => "A recovery code was used",
    "recovery_codes.replaced": () => "New recovery codes created; the old ones stopped working",
    "password.refused": () => "A wrong password was entered to confirm a change",
    "password.changed": () => "Password changed",
    "password.upgraded": () => "Password stored anew, after the move from another system",
    "password_reset.requested": (details) => `Password reset requested${byAdministrator(details)}`,
    "password_reset.completed": () => "Password reset with a link from an email",
    "email.change_requested": () => "Another email address requested",
    "email.change_cancelled": () => "Change of the email address cancelled",
    "email.changed": (details) => `Email address changed${byAdministrator(details)}`,
    "email.change_undone": () => "Change of the email address undone from the old mailbox",
    "token.created": (details) => `Personal token${called(details)} created`,
    "token.renamed": (details) => `Personal token renamed${details.description ? ` to${called(details)}` : ""}`,
    "token.revoked": (details) => revokedBecause[details.reason ?? ""]
      ?? (details.kind === "session" ? "Session revoked" : `Personal token${called(details)} revoked`),
    "tokens.revoked": (details) => `Tokens revoked${byAdministrator(details)}`,
    "account.created": () => "Account created",
    "account.updated": (details) => (details.imported ? "Account updated by an import" : "Language changed"),
    "account.policy_changed": () => "Two-factor policy changed by an administrator",
    "account.disabled": () => "Account disabled",
    "account.enabled": () => "Account enabled",
    "account.unlocked": () => "Account unlocked by an administrator",
    "account.deleted": () => "Account deleted",
  },
};
