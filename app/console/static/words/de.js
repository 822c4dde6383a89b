// @ts-check
// Everything the console says, in German. The order is that of en.js.

/** @typedef {import("../types.js").Problem} Problem */
/** @typedef {import("../types.js").Revoked} Revoked */
/** @typedef {import("../types.js").Details} Details */

/** @param {number} number @param {string} one @param {string} many */
const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

/** @param {Revoked} revoked */
function ended({ sessions, personal_tokens }) {
  const parts = [];
  if (sessions > 0) parts.push(count(sessions, "Sitzung", "Sitzungen"));
  if (personal_tokens > 0) parts.push(count(personal_tokens, "persönliches Token", "persönliche Tokens"));
  return parts.join(" und ");
}

/** @param {string[] | undefined} amr */
function proof(amr) {
  if (amr?.includes("pop")) return amr.includes("pwd") ? "Passwort und Sicherheitsschlüssel" : "einem Passkey";
  if (amr?.includes("otp")) return "Passwort und Code aus der App";
  if (amr?.includes("recovery_code")) return "Passwort und Wiederherstellungscode";
  return "Passwort";
}

/** @type {Record<string, string>} */
const revokedBecause = {
  logout: "Abgemeldet",
  reauthenticated: "Sitzung nach neuer Bestätigung erneuert",
  authenticator_added: "Sitzung mit dem neuen Authenticator erneuert",
};

/** @param {Details} details */
const called = ({ description }) => (description ? ` „${description}“` : "");

/** @param {Details} details */
const byAdministrator = (details) => (details.client_id ? " durch die Administration" : "");

/** @param {Problem} problem */
function attemptsLeft({ attemptsRemaining }) {
  return attemptsRemaining === null ? "" : ` Noch ${count(attemptsRemaining, "Versuch", "Versuche")}.`;
}

/** @param {number} seconds */
function clockOff(seconds) {
  const size = Math.abs(seconds);
  const amount = size < 60 ? count(size, "Sekunde", "Sekunden") : count(Math.round(size / 60), "Minute", "Minuten");
  return `${amount} ${seconds > 0 ? "vor" : "nach"}`;
}

const CHECK_CLOCK = " Werden Codes immer wieder abgelehnt? Prüfen Sie, ob Ihr Telefon seine Uhr automatisch stellt.";

/** @type {import("../words.js").Words} */
export const sentences = {
  region: "de-DE",

  account: "Ihr Konto",
  skip: "Zum Inhalt springen",
  logIn: "Anmelden",
  logOut: "Abmelden",
  next: "Weiter",
  cancel: "Abbrechen",
  done: "Fertig",
  copy: "Kopieren",
  copied: "Kopiert",
  copyFailed: "Zum Kopieren Strg+C oder ⌘C drücken",
  showMore: "Mehr anzeigen",
  tryAgain: "Noch einmal versuchen",
  loading: "Wird geladen …",
  moreLoaded: "Weitere Einträge geladen.",
  backToLogIn: "Zurück zur Anmeldung",
  help: "Hilfe",
  privacy: "Datenschutz",
  noAnswerTitle: "Keine Antwort",
  loggedOut: "Sie sind abgemeldet.",
  loggedOutUnanswered: (duration) => "Sie sind auf diesem Gerät abgemeldet. Der Server hat nicht geantwortet; die"
    + ` Sitzung endet von selbst, spätestens ${duration} nach der Anmeldung.`,
  sessionEnded: "Ihre Sitzung ist beendet. Sitzungen enden, wenn sie eine Zeit lang nicht benutzt werden und wenn sich"
    + " ändert, wie Sie sich anmelden. Melden Sie sich noch einmal an, um fortzufahren.",
  idleness: {
    title: "Sind Sie noch da?",
    why: (duration) => `Hier ist eine Weile nichts geschehen. Sie werden in weniger als ${duration} abgemeldet.`,
    stay: "Angemeldet bleiben",
  },
  mayHaveChanged: " Auf Ihre letzte Änderung kam keine Antwort; vielleicht ist sie trotzdem erfolgt. Ist die"
    + " Zwei-Faktor-Anmeldung jetzt eingeschaltet, melden Sie sich mit einem Code aus Ihrer App an und erstellen Sie"
    + " neue Wiederherstellungscodes.",

  navigation: {
    userInformation: "Kontodaten",
    authenticationMethods: "Anmeldemethoden",
    authenticationTokens: "Sitzungen und Tokens",
    activity: "Aktivitäten",
  },

  problems: {
    invalid_credentials: "Adresse und Passwort passen nicht zusammen. Prüfen Sie beide und versuchen Sie es noch"
      + " einmal.",
    wrong_password: "Falsches Passwort. Versuchen Sie es noch einmal.",
    invalid_code: (problem) => (problem.clockSkewSeconds
      ? `Dieser Code galt zu einer anderen Zeit: Die Uhr Ihres Geräts geht etwa ${clockOff(problem.clockSkewSeconds)}.`
        + " Stellen Sie die Uhr des Telefons, das die Codes zeigt, auf automatisch und geben Sie dann den neuen Code"
        + ` ein.${attemptsLeft(problem)}`
      : "Dieser Code stimmt nicht. Geben Sie den ein, den Ihre App gerade zeigt; jeder gilt nur einmal."
        + `${attemptsLeft(problem)}${problem.checkDeviceClock ? CHECK_CLOCK : ""}`),
    invalid_recovery_code: (problem) => "Das ist keiner Ihrer unbenutzten Wiederherstellungscodes. Jeder gilt einmal,"
      + ` und nur die zuletzt erstellten zählen.${attemptsLeft(problem)}`,
    challenge_expired: "Diese Anmeldung hat zu lange gedauert. Geben Sie Ihr Passwort noch einmal ein.",
    challenge_used_up: "Zu viele falsche Codes. Geben Sie Ihr Passwort noch einmal ein.",
    second_factor_required: "Dieses Konto braucht auch einen zweiten Faktor. Geben Sie einen Code aus Ihrer"
      + " Authenticator-App oder einen Wiederherstellungscode ein.",
    weak_password: "Dieses Passwort ist zu leicht zu erraten oder Ihr bisheriges. Wählen Sie ein anderes, am besten aus"
      + " einigen Wörtern, die nicht zusammengehören.",
    enrollment_expired: "Diese Einrichtung ist abgelaufen: Sie muss innerhalb weniger Minuten abgeschlossen werden."
      + " Beginnen Sie von vorn; Sie bekommen einen neuen Code zum Scannen.",
    no_pending_enrollment: "Diese Einrichtung ist nicht mehr offen. Vielleicht wurde sie in einem anderen Fenster"
      + " ersetzt. Beginnen Sie von vorn; Sie bekommen einen neuen Code zum Scannen.",
    two_factor_already_enabled: "Die Zwei-Faktor-Anmeldung ist für dieses Konto schon eingeschaltet.",
    two_factor_required_by_policy: "Für dieses Konto ist die Zwei-Faktor-Anmeldung vorgeschrieben; sie kann nicht"
      + " ausgeschaltet werden. Sie können stattdessen Ihr Gerät ersetzen.",
    ticket_expired: "Diese Anmeldung hat zu lange gedauert. Geben Sie Ihr Passwort noch einmal ein.",
    two_factor_not_enabled: "Die Zwei-Faktor-Anmeldung ist für dieses Konto schon ausgeschaltet.",
    not_me_link_invalid: "Dieser Link gilt nicht mehr. Er gilt einmal, 7 Tage lang. Setzen Sie stattdessen Ihr Passwort"
      + " zurück.",
    reset_token_invalid: "Dieser Link gilt nicht mehr. Er gilt einmal, für kurze Zeit. Fordern Sie einen neuen an.",
    password_reset_required: "Dieses Passwort ist aus einem Datenleck bekannt und öffnet hier nichts. Eine E-Mail mit"
      + " einem Link, mit dem Sie ein anderes wählen, ist zu Ihnen unterwegs.",
    cancel_link_invalid: "Dieser Link gilt nicht mehr: Er wurde benutzt, oder was er abbrechen sollte, ist zu Ende.",
    email_token_invalid: "Dieser Link gilt nicht mehr. Er wurde benutzt oder widerrufen, oder er ist abgelaufen.",
    token_limit_reached: "Sie haben so viele persönliche Tokens, wie ein Konto haben darf. Widerrufen Sie eines, das"
      + " Sie nicht mehr brauchen, und versuchen Sie es noch einmal.",
    not_found: "Das gibt es nicht mehr. Vielleicht wurde es in einem anderen Fenster entfernt.",
    authenticator_exists: "Dieses Gerät ist schon hinzugefügt.",
    authenticator_limit_reached: "Sie haben so viele davon, wie ein Konto haben darf. Entfernen Sie einen"
      + " Authenticator, den Sie nicht mehr brauchen, und versuchen Sie es noch einmal.",
    last_authenticator: "Das ist Ihr letzter Authenticator. Um auf ihn zu verzichten, schalten Sie die"
      + " Zwei-Faktor-Anmeldung aus.",
    registration_expired: "Das hat zu lange gedauert oder wurde in einem anderen Fenster neu begonnen. Versuchen Sie es"
      + " noch einmal.",
    invalid_credential: (problem) => "Die Antwort Ihres Schlüssels wurde nicht angenommen. Versuchen Sie es noch"
      + ` einmal.${attemptsLeft(problem)}`,
    invalid_passkey: "Dieser Passkey gehört hier zu keinem Konto. Vielleicht wurde er entfernt. Melden Sie sich"
      + " stattdessen mit Ihrem Passwort an.",
    method_not_available: "Dieses Konto hat keinen Sicherheitsschlüssel mehr. Wählen Sie einen anderen Weg.",
    credential_cancelled: "Ihr Browser bekam keine Antwort: Die Anfrage wurde abgebrochen, dauerte zu lange, oder auf"
      + " diesem Gerät ist kein passender Schlüssel.",
    credential_elsewhere: (problem) => "Sicherheitsschlüssel und Passkeys funktionieren unter dieser Adresse nicht."
      + ` Öffnen Sie diese Seite unter ${problem.detail}.`,
    credential_unsupported: "Dieser Browser oder dieses Gerät kann das nicht. Nehmen Sie ein anderes oder bleiben Sie"
      + " bei einer Authenticator-App.",
    credential_failed: "Ihr Browser konnte den Schlüssel nicht benutzen. Versuchen Sie es noch einmal oder nehmen Sie"
      + " einen anderen.",
    reauthentication_required: "Nichts wurde geändert: Dafür müssen Sie bestätigen, dass Sie es sind.",
    session_required: "Das geht nur nach einer Anmeldung mit Ihrem Passwort.",
    invalid_token: "Ihre Sitzung ist beendet. Melden Sie sich noch einmal an, um fortzufahren.",
    too_many_attempts: "Zu viele Versuche.",
    too_many_codes: "Zu viele falsche Codes. So lange gilt kein Code, auch kein Wiederherstellungscode; Sie haben eine"
      + " E-Mail darüber bekommen.",
    rate_limited: "Zu viele Anfragen aus Ihrem Netz.",
    overloaded: "Der Server ist gerade ausgelastet. Warten Sie einen Moment und versuchen Sie es noch einmal.",
    unavailable: "Der Server kann das gerade nicht. Warten Sie einen Moment und versuchen Sie es noch einmal.",
    no_answer: "Der Server hat nicht geantwortet. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
    offline: "Sie sind offline. Stellen Sie eine Verbindung zum Internet her und versuchen Sie es noch einmal.",
    invalid_request: "Prüfen Sie Ihre Eingabe.",
    unexpected: "Etwas ist schiefgegangen. Versuchen Sie es noch einmal; wenn es wieder geschieht, sagen Sie es der"
      + " Administration.",
  },

  form: {
    enter: (thing) => `Geben Sie ${thing} ein.`,
    email: "E-Mail-Adresse",
    emailWanted: "Ihre E-Mail-Adresse",
    emailMalformed: "Geben Sie eine E-Mail-Adresse ein, zum Beispiel name@example.com.",
    password: "Passwort",
    passwordWanted: "Ihr Passwort",
    name: "Name",
    nameWanted: "einen Namen",
    nameHint: "Wo er ist oder wie er aussieht, damit Sie ihn später wiedererkennen.",
    toBeSure: "Damit sicher ist, dass Sie es sind.",
    show: "Anzeigen",
    hide: "Verbergen",
    reveal: (act, label) => `${label} ${act.toLowerCase()}`,
    code: "Code aus Ihrer App",
    codeWanted: "die sechs Ziffern",
    codeMalformed: "Der Code hat sechs Ziffern.",
    recoveryCode: "Wiederherstellungscode",
    recoveryCodeWanted: "einen Wiederherstellungscode",
    recoveryCodeMalformed: "Ein Wiederherstellungscode hat 24 Buchstaben und Ziffern, zum Beispiel ABCD-EFGH-…",
    anyCode: "Code aus Ihrer App oder Wiederherstellungscode",
    anyCodeWanted: "einen Code",
    anyCodeMalformed: "Geben Sie die sechs Ziffern oder einen Wiederherstellungscode aus 24 Buchstaben und Ziffern"
      + " ein.",
    tryAgainIn: "Neuer Versuch möglich in ",
    tryAgainNow: "Sie können es jetzt noch einmal versuchen.",
    roughly: (seconds) => (seconds < 90
      ? count(seconds, "Sekunde", "Sekunden") : `etwa ${count(Math.ceil(seconds / 60), "Minute", "Minuten")}`),
  },

  newPassword: {
    label: "Neues Passwort",
    wanted: "Ihr neues Passwort",
    hint: (length) => `Mindestens ${length} Zeichen. Am besten einige Wörter, die nichts miteinander zu tun haben.`,
    strength: "Stärke",
    levels: ["Sehr schwach", "Schwach", "Mittel", "Gut", "Stark"],
    tooShort: (length) => `Nehmen Sie mindestens ${length} Zeichen.`,
    longer: "Länger ist stärker: Drei oder vier Wörter, die nicht zusammengehören, sind gut.",
    announced: (level, advice) => `Stärke des Passworts: ${level}. ${advice}`,
  },

  logInView: {
    title: "Anmelden",
    twoFactorTitle: "Zwei-Faktor-Anmeldung",
    forgot: "Passwort vergessen?",
    change: "Ändern",
    byPasskey: "Mit einem Passkey anmelden",
    lostBoth: "Gerät und Wiederherstellungscodes verloren?",
    lostBothReset: "Setzen Sie Ihr Passwort zurück",
    lostBothAsk: (issuer) => `Wenden Sie sich an die Administration von ${issuer}.`,
    clears: (when, date) => `Ein zurückgesetztes Passwort schaltet die Zwei-Faktor-Anmeldung ${when} aus, am ${date}.`,
    clearsRest: " Melden Sie sich mit einem Code an, um das abzubrechen und sie zu behalten. Ohne Ihr Gerät warten"
      + " Sie bis dahin und melden sich dann mit Ihrem Passwort an. Wenn Sie das Passwort nicht zurückgesetzt haben,"
      + " benutzen Sie den Link in der E-Mail darüber.",
    breached: "Ihr Passwort ist aus einem Datenleck bekannt.",
    breachedRest: (link) => ["Andere könnten es ausprobieren. ", link("Wählen Sie ein anderes"), "."],
    afterRecoveryCode: "Sie haben sich mit einem Wiederherstellungscode angemeldet.",
    codesLeft: (number) => ` Noch ${count(number, "Wiederherstellungscode", "Wiederherstellungscodes")} übrig.`,
    replaceDevice: (link) => ["Wenn Ihr Gerät verloren ist, ersetzen oder entfernen Sie es unter ",
      link("Anmeldemethoden"), "."],
  },

  secondFactor: {
    use: {
      webauthn: "Sicherheitsschlüssel oder Passkey benutzen",
      totp: "Code aus der App benutzen",
      recovery_code: "Wiederherstellungscode benutzen",
    },
    useKey: "Schlüssel benutzen",
    keyHint: "Drücken Sie die Taste und folgen Sie Ihrem Browser: Er fragt nach Ihrem Sicherheitsschlüssel oder"
      + " Passkey.",
    codeHint: (issuer) => `Öffnen Sie Ihre Authenticator-App und geben Sie die sechs Ziffern ein, die sie für ${issuer}`
      + " zeigt.",
    recoveryHint: "Einer der zehn Codes, die Sie beim Einschalten der Zwei-Faktor-Anmeldung aufbewahrt haben. Jeder"
      + " gilt einmal.",
  },

  reauthentication: {
    title: "Bestätigen Sie, dass Sie es sind",
    why: (age) => (age
      ? `Für diese Änderung darf Ihre letzte Bestätigung mit dem zweiten Faktor höchstens ${age} her sein.`
      : "Für diese Änderung müssen Sie noch einmal bestätigen, dass Sie es sind.")
      + " Was Sie eingegeben haben, bleibt erhalten.",
    act: "Bestätigen",
  },

  forgotView: {
    title: "Passwort zurücksetzen",
    send: "Link senden",
    intro: "Wir schicken Ihnen eine E-Mail mit einem Link, mit dem Sie ein neues Passwort wählen.",
    policy: {
      clears_two_factor: "Ist die Zwei-Faktor-Anmeldung eingeschaltet, schaltet das Zurücksetzen sie aus, und Ihre"
        + " Wiederherstellungscodes gelten nicht mehr; danach können Sie sie wieder einschalten.",
      clears_two_factor_later: "Ist die Zwei-Faktor-Anmeldung eingeschaltet, bleibt sie es zunächst. Ohne Gerät und"
        + " Wiederherstellungscodes warten Sie nach dem Zurücksetzen einige Tage; dann wird sie ausgeschaltet.",
      requires_second_factor: "Ist die Zwei-Faktor-Anmeldung eingeschaltet, bleibt sie es: Sie brauchen auch einen Code"
        + " aus Ihrer App oder einen Wiederherstellungscode.",
    },
    askOperators: (issuer) => `Beides verloren? Wenden Sie sich an die Administration von ${issuer}.`,
    sentTitle: "Sehen Sie in Ihr Postfach",
    sent: (address, duration) => ["Wenn es zu ", address, " ein Konto gibt, ist eine E-Mail mit einem Link unterwegs."
      + ` Der Link gilt einmal, ${duration} lang.`],
    nothingThere: "Nach einigen Minuten nichts da? Sehen Sie in den Spam-Ordner und prüfen Sie, ob dies die Adresse"
      + " Ihres Kontos ist.",
    otherAddress: "Andere Adresse eingeben",
    sendAgain: "Noch einmal senden",
    sentAgain: "Noch einmal angefordert. Beide Links gelten, bis einer benutzt wird.",
  },

  resetView: {
    title: "Neues Passwort wählen",
    whose: (address) => ["Für ", address, "."],
    save: "Neues Passwort speichern",
    twoFactor: {
      cleared: "Das schaltet auch die Zwei-Faktor-Anmeldung aus, und Ihre Wiederherstellungscodes gelten nicht mehr."
        + " Nach der Anmeldung können Sie sie wieder einschalten.",
      kept: "Die Zwei-Faktor-Anmeldung bleibt eingeschaltet; deshalb wird auch hier ein Code gebraucht.",
    },
    clearing: (date) => `Die Zwei-Faktor-Anmeldung bleibt vorerst eingeschaltet und wird am ${date} ausgeschaltet. Wenn`
      + " Sie Ihr Gerät oder einen Wiederherstellungscode haben, melden Sie sich vorher damit an: Dann bleibt sie"
      + " eingeschaltet.",
    paused: "Die Zwei-Faktor-Anmeldung bleibt eingeschaltet: Das Ausschalten wurde vor kurzem abgebrochen.",
    codeNeeded: "Dieses Konto braucht auch seinen zweiten Faktor: einen Code aus Ihrer App oder einen"
      + " Wiederherstellungscode.",
    noCode: (issuer) => `Kein Gerät und keine Wiederherstellungscodes? Bitten Sie die Administration von ${issuer},`
      + " Ihre Zwei-Faktor-Anmeldung zurückzusetzen.",
    doneTitle: "Ihr neues Passwort ist gespeichert",
    nowOff: "Die Zwei-Faktor-Anmeldung ist jetzt ausgeschaltet.",
    nowOffRest: " Ihre Wiederherstellungscodes gelten nicht mehr. Melden Sie sich an und schalten Sie sie unter"
      + " „Anmeldemethoden“ wieder ein.",
    stillOn: "Die Zwei-Faktor-Anmeldung ist noch eingeschaltet: Halten Sie bei der Anmeldung Ihren Code bereit.",
    goesOff: (date) => `Sie wird am ${date} ausgeschaltet, wenn Sie sich vorher nicht mit einem Code anmelden.`,
    afterReload: "Der Link funktioniert nur in dem Fenster, in dem er geöffnet wurde, und nicht nach dem Neuladen."
      + " Öffnen Sie ihn noch einmal aus der E-Mail oder fordern Sie einen neuen an.",
    broken: "Ein Teil dieses Links fehlt oder wurde unterwegs verändert. Kopieren Sie den ganzen Link aus der E-Mail"
      + " oder fordern Sie einen neuen an.",
    request: "Neuen Link anfordern",
  },

  keepView: {
    title: "Zwei-Faktor-Anmeldung behalten",
    why: "Jemand hat das Passwort dieses Kontos per E-Mail zurückgesetzt, ohne dessen zweiten Faktor. Nach einer"
      + " Wartezeit schaltet das die Zwei-Faktor-Anmeldung aus.",
    consequence: "Wenn Sie das nicht waren, brechen Sie es ab: Die Zwei-Faktor-Anmeldung bleibt eingeschaltet, das"
      + " gewählte Passwort gilt nicht mehr, und alles, was angemeldet ist, wird abgemeldet.",
    orLogIn: "Waren Sie es und haben Ihr Gerät wiedergefunden? Dann melden Sie sich mit einem Code an: So bleibt Ihr"
      + " neues Passwort gültig.",
    act: "Eingeschaltet lassen",
    doneTitle: "Die Zwei-Faktor-Anmeldung bleibt eingeschaltet",
    done: "Das gewählte Passwort gilt nicht mehr. Wählen Sie ein neues, um sich anzumelden.",
    mailbox: "Wenn nicht Sie das Passwort zurückgesetzt haben, kann jemand anderes Ihre E-Mails lesen: Ändern Sie"
      + " zuerst das Passwort Ihres Postfachs.",
    reset: "Passwort zurücksetzen",
  },

  linkPage: {
    unusableTitle: "Dieser Link funktioniert nicht",
    afterReload: "Der Link funktioniert nur in dem Fenster, in dem er geöffnet wurde, und nicht nach dem Neuladen."
      + " Öffnen Sie ihn noch einmal aus der E-Mail.",
    broken: "Ein Teil dieses Links fehlt oder wurde unterwegs verändert. Kopieren Sie den ganzen Link aus der E-Mail.",
  },

  changeEmailView: {
    title: "E-Mail-Adresse ändern",
    label: "Neue E-Mail-Adresse",
    intro: (address) => ["Ihre Adresse ist ", address, ". Wir schicken einen Link an die neue; bis Sie ihn öffnen,"
      + " ändert sich nichts."],
    consequence: "Wenn Sie bestätigen, werden Sie überall abgemeldet. Ihr bisheriges Postfach bekommt einen Link, der"
      + " die Änderung rückgängig macht.",
    send: "Link senden",
    sent: (address) => ["Eine E-Mail mit einem Link ist unterwegs an ", address, ". Öffnen Sie den Link, um die"
      + " Adresse zu bestätigen."],
  },

  emailChangeView: {
    title: "Neue Adresse bestätigen",
    intro: "Ab dann melden Sie sich mit dieser Adresse an, und sie bekommt unsere E-Mails. Sie werden überall"
      + " abgemeldet.",
    confirm: "Diese Adresse bestätigen",
    doneTitle: "Ihre neue Adresse ist bestätigt",
    done: (address) => ["Melden Sie sich ab jetzt mit ", address, " an."],
  },

  emailUndoView: {
    title: "Änderung rückgängig machen",
    intro: "Die Adresse Ihres Kontos wurde geändert. Wenn Sie das nicht waren, machen Sie es rückgängig: Dann gilt"
      + " wieder diese Adresse.",
    consequence: "Was seitdem an dem Konto geschehen ist, endet damit: Alle werden abgemeldet, hinzugefügte"
      + " Authenticatoren entfernt, und das Passwort gilt nicht mehr. Sie wählen gleich danach ein neues.",
    undo: "Änderung rückgängig machen",
    doneTitle: "Die Änderung ist rückgängig gemacht",
    done: (address) => ["Ihr Konto hat wieder die Adresse ", address, ", und alle sind abgemeldet. Es hat kein Passwort"
      + " mehr: Wählen Sie jetzt ein neues."],
    reset: "Neues Passwort wählen",
  },

  notMeView: {
    title: "Das war ich nicht",
    consequences: [
      "Hat jemand anderes getan, wovon die E-Mail berichtet? Dies beendet alle Sitzungen und Tokens Ihres Kontos,"
        + " fremde und eigene.",
      "Danach bekommen Sie eine E-Mail mit einem Link, mit dem Sie ein neues Passwort wählen. Nehmen Sie eines, das Sie"
        + " sonst nirgends benutzen.",
    ],
    end: "Alles beenden",
    doneTitle: "Alles ist beendet",
    ended: (what) => `Beendet: ${what}. Niemand ist jetzt in Ihrem Konto angemeldet.`,
    nothingEnded: "Niemand war in Ihrem Konto angemeldet.",
    next: "Eine E-Mail mit einem Link, mit dem Sie ein neues Passwort wählen, ist unterwegs. Wer das alte kennt, kann"
      + " sich bis dahin noch anmelden.",
    reset: "Passwort zurücksetzen",
  },

  userView: {
    title: "Kontodaten",
    account: "Konto",
    change: "Ändern",
    pending: "Neue Adresse",
    pendingHint: "Wartet, bis Sie den Link in der E-Mail öffnen.",
    cancelChange: "Änderung abbrechen",
    changeCancelled: "Die Änderung ist abgebrochen. Ihre Adresse bleibt, wie sie ist.",
    memberSince: "Konto seit",
    language: "Sprache",
    languageHint: "Für E-Mails und, wo übersetzt, für diese Seiten.",
    languageOfBrowser: "Nicht gewählt; wie Ihr Browser",
    languageSaved: "Ihre Sprache ist gespeichert.",
    id: "Konto-ID",
    security: "Sicherheit",
    access: "Zugriff haben gerade",
    manage: "Verwalten",
    renew: "Neue Codes",
    see: "Ansehen",
    twoFactor: "Zwei-Faktor-Anmeldung",
    on: "Ein",
    off: "Aus",
    since: (date, used) => `seit ${date}${used ? `, zuletzt benutzt ${used}` : ""}`,
    recoveryCodes: "Wiederherstellungscodes",
    codesLeft: (number) => `noch ${number} von 10`,
    protect: "Schützen Sie Ihr Konto mit einem zweiten Schlüssel",
    protectWhy: "Ein Code aus einer App auf Ihrem Telefon, nach dem Passwort. Wer Ihr Passwort erfährt, kommt trotzdem"
      + " nicht hinein. Die Einrichtung dauert zwei Minuten.",
    protectAct: "Zwei-Faktor-Anmeldung einrichten",
    runningOut: "Ihre Wiederherstellungscodes gehen zur Neige",
    runningOutWhy: (number) => `Sie haben noch ${number}. Erstellen Sie neue, bevor Sie einen brauchen.`,
    runningOutAct: "Neue Wiederherstellungscodes erstellen",
  },

  methodsView: {
    title: "Anmeldemethoden",
    password: "Passwort",
    passwordHint: (email) => `Melden Sie sich als ${email} mit Ihrem Passwort an.`,
    changePassword: "Passwort ändern",
    twoFactor: "Zwei-Faktor-Anmeldung",
    on: "Ein",
    off: "Aus",
    onSince: (date, used) => ` seit ${date}${used ? `; zuletzt benutzt ${used}` : ""}. Bei der Anmeldung wird auch`
      + " einer Ihrer Authenticatoren verlangt.",
    offHint: " Verlangen Sie zusätzlich einen Code aus einer App auf Ihrem Telefon, damit ein gestohlenes Passwort"
      + " nicht genügt.",
    unfinished: "Sie haben die Einrichtung begonnen und nicht abgeschlossen. Schalten Sie ein, um von vorn zu"
      + " beginnen.",
    recoveryCodes: "Wiederherstellungscodes",
    runningLow: "Nur noch wenige",
    codesLeft: (number) => `Noch ${count(number, "Code", "Codes")}, falls Sie Ihr Gerät verlieren.`,
    newCodes: "Neue Codes erstellen",
  },

  authenticators: {
    title: "Authenticatoren",
    hint: "Womit Sie bestätigen, dass Sie es sind. Am besten zwei, damit einer verloren gehen kann.",
    hintOff: "Der erste schaltet die Zwei-Faktor-Anmeldung ein.",
    kinds: { totp: "Authenticator-App", key: "Sicherheitsschlüssel", passkey: "Passkey" },
    synced: ", zwischen Ihren Geräten abgeglichen",
    lastUsed: (moment) => `Zuletzt benutzt ${moment}.`,
    neverUsed: "Noch nie benutzt.",
    added: (date) => `Hinzugefügt am ${date}.`,
    addApp: "App hinzufügen",
    addSecurityKey: "Sicherheitsschlüssel hinzufügen",
    addPasskey: "Passkey hinzufügen",
    replace: "Ersetzen",
    replaceNamed: (name) => `${name} ersetzen`,
    manage: "Verwalten",
    manageNamed: (name) => `${name} verwalten`,
    isAdded: (name) => `„${name}“ ist hinzugefügt.`,
  },

  authenticatorView: {
    title: "Authenticator",
    kind: "Art",
    added: "Hinzugefügt",
    lastUse: "Zuletzt benutzt",
    never: "Nie",
    nameTitle: "Umbenennen",
    rename: "Namen speichern",
    renamed: (name) => `Der Name ist jetzt „${name}“.`,
    replaceTitle: "Ein neues Telefon?",
    replaceHint: "Wechseln Sie zu einer App auf einem anderen Gerät. Das alte funktioniert, bis das neue bestätigt"
      + " ist.",
    replace: "Ersetzen",
    removeTitle: "Entfernen",
    removeConsequence: "Damit kann man sich dann nicht mehr anmelden. Alle anderen Sitzungen und alle persönlichen"
      + " Tokens enden. Sie bleiben hier angemeldet.",
    remove: "Entfernen",
    removed: (name) => `„${name}“ ist entfernt.`,
    lastOne: (link) => ["Das ist Ihr einziger. Fügen Sie zuerst einen weiteren hinzu oder ",
      link("schalten Sie die Zwei-Faktor-Anmeldung aus"), "."],
  },

  addAppView: {
    title: "Authenticator-App hinzufügen",
    step: ["Name und Passwort", "Ihre App"],
    act: "Hinzufügen",
  },

  addSecurityKeyView: {
    title: "Sicherheitsschlüssel hinzufügen",
    intro: "Ein Schlüssel, den Sie einstecken oder an Ihr Telefon halten. Die Anmeldung fragt nach Ihrem Passwort und"
      + " dann nach einer Berührung des Schlüssels.",
    act: "Sicherheitsschlüssel hinzufügen",
  },

  addPasskeyView: {
    title: "Passkey hinzufügen",
    intro: "Ihr Telefon, Computer oder Passwortmanager bewahrt ihn auf und gibt ihn mit Fingerabdruck, Gesicht oder PIN"
      + " frei. Er meldet Sie ohne Passwort an.",
    act: "Passkey hinzufügen",
  },

  replaceView: {
    title: "Authenticator-App ersetzen",
    intro: "Das alte Gerät funktioniert, bis das neue bestätigt ist. Ihre Wiederherstellungscodes bleiben, wie sie"
      + " sind.",
    step: ["Ihr Passwort", "Ihr neues Gerät"],
    act: "Ersetzen",
    done: (name) => `„${name}“ ist ersetzt.`,
    doneRest: " Codes vom alten Gerät gelten nicht mehr.",
  },

  changePasswordView: {
    title: "Passwort ändern",
    current: "Bisheriges Passwort",
    currentWanted: "Ihr bisheriges Passwort",
    consequence: "Alle anderen Sitzungen und alle persönlichen Tokens enden. Sie bleiben hier angemeldet, und an der"
      + " Zwei-Faktor-Anmeldung ändert sich nichts.",
    done: "Ihr Passwort ist geändert.",
  },

  mustEnroll: {
    until: (moment) => `Für Ihr Konto ist die Zwei-Faktor-Anmeldung vorgeschrieben, ab ${moment}. Bis dahin können`
      + " Sie sie einrichten, wann es Ihnen passt:",
    soon: "Für Ihr Konto ist die Zwei-Faktor-Anmeldung bald vorgeschrieben:",
    setUp: "jetzt einrichten",
    title: "Zwei-Faktor-Anmeldung einrichten",
    why: "Für Ihr Konto ist die Zwei-Faktor-Anmeldung vorgeschrieben, bevor es weitergeht. Ihr Passwort war richtig;"
      + " die Einrichtung dauert zwei Minuten, dann sind Sie angemeldet.",
    app: "Authenticator-App benutzen",
    key: "Sicherheitsschlüssel benutzen",
    passkey: "Passkey benutzen",
    otherWay: "Anderen Weg wählen",
  },

  enableView: {
    title: "Zwei-Faktor-Anmeldung einrichten",
    codesTitle: "Wiederherstellungscodes aufbewahren",
    steps: "Schritte",
    step: ["Ihr Passwort", "Ihre App", "Wiederherstellungscodes"],
    stepOf: (number, all) => `Schritt ${number} von ${all}:`,
    enable: "Einschalten",
    orAKey: (key, passkey) => ["Keine App? Nehmen Sie stattdessen einen ", key("Sicherheitsschlüssel"), " oder einen ",
      passkey("Passkey"), "."],
    scan: "Scannen Sie dies mit Ihrer Authenticator-App",
    qr: "QR-Code für Ihre Authenticator-App",
    anyApp: "Jede App für Einmalcodes ist geeignet: Aegis, 1Password, Google Authenticator, Microsoft Authenticator und"
      + " viele andere.",
    onThisDevice: (link) => ["App auf diesem Gerät? ", link("Dort öffnen"), ". Oder den Schlüssel eintippen:"],
    key: "Schlüssel zum Einrichten",
    codeHint: "Fügen Sie zuerst das Konto in Ihrer App hinzu und geben Sie dann die sechs Ziffern ein, die sie zeigt.",
    timeLeft: (duration) => `Sie haben dafür ${duration}.`,
    replaced: (name) => `Haben Sie schon einen Code gescannt? Löschen Sie den Eintrag „${name}“ in Ihrer App; nur`
      + " dieser hier zählt.",
    codesIntro: "Die Zwei-Faktor-Anmeldung ist eingeschaltet. Wenn Sie Ihr Gerät verlieren, meldet Sie jeder dieser"
      + " Codes einmal an seiner Stelle an.",
    done: "Die Zwei-Faktor-Anmeldung ist eingeschaltet.",
    fromNowOn: " Ab jetzt wird bei der Anmeldung ein Code verlangt.",
  },

  disableView: {
    title: "Zwei-Faktor-Anmeldung ausschalten",
    act: "Zwei-Faktor-Anmeldung ausschalten",
    revoked: "Alle Sitzungen und Tokens werden widerrufen.",
    revokedRest: " Jede Sitzung und jedes persönliche Token dieses Kontos endet, auf allen Geräten. Sie bleiben hier"
      + " angemeldet.",
    rightNow: (others) => (others ? `Außer dieser Sitzung sind das zur Zeit ${others}.` : ""),
    codes: "Ihre Wiederherstellungscodes gelten nicht mehr, und zum Anmelden genügt Ihr Passwort.",
    done: "Die Zwei-Faktor-Anmeldung ist ausgeschaltet.",
    doneRest: " Sie sind noch angemeldet.",
  },

  recoveryView: {
    title: "Neue Wiederherstellungscodes",
    act: "Neue Codes erstellen",
    consequence: "Sie bekommen zehn neue Codes, und die bisherigen gelten nicht mehr.",
    save: "Neue Wiederherstellungscodes aufbewahren",
    done: "Ihre neuen Wiederherstellungscodes gelten. Die alten funktionieren nicht mehr.",
  },

  codesPanel: {
    label: "Wiederherstellungscodes",
    onlyNow: "Sie werden nur jetzt angezeigt.",
    keep: " Bewahren Sie sie dort auf, wo Sie ohne Ihr Gerät an sie herankommen: in einem Passwortmanager oder auf"
      + " Papier.",
    download: "Herunterladen",
    print: "Drucken",
    saved: "Ich habe sie gesichert",
    heading: (issuer, email) => `Wiederherstellungscodes von ${issuer} für ${email}`,
    made: (date, address) => `Erstellt am ${date} für ${address}. Jeder Code gilt einmal. Geben Sie sie nicht weiter.`,
    file: (issuer, email) => `${issuer}-Wiederherstellungscodes-${email}`,
    notSaved: "Sie haben nicht bestätigt, dass Ihre Wiederherstellungscodes gesichert sind, und sie werden nie wieder"
      + " angezeigt. Trotzdem verlassen?",
  },

  alsoEnded: (revoked) => (ended(revoked)
    ? ` Ebenfalls abgemeldet: ${ended(revoked)}.` : " Sonst war nichts angemeldet."),
  whatEnded: (revoked) => ended(revoked),
  endedElsewhere: (what) => `Alles, was in Ihrem Konto angemeldet war, ist abgemeldet: ${what}.`,

  tokensView: {
    title: "Sitzungen und Tokens",
    lead: "Alles, was gerade Zugang zu Ihrem Konto hat. Widerrufen Sie, was Sie nicht kennen.",
    sessions: "Sitzungen",
    sessionsHint: "Browser, die angemeldet sind.",
    noSessions: "Keine Sitzungen.",
    personal: "Persönliche Tokens",
    personalHint: "Für eigene Skripte und Apps.",
    noPersonal: "Keine persönlichen Tokens.",
    create: "Persönliches Token erstellen",
    revoke: "Widerrufen",
    revokeAll: "Überall abmelden",
    thisSession: "Diese Sitzung",
    moreLikeIt: (number) => `${number} weitere von diesem Gerät und dieser Adresse anzeigen`,
    logOutHere: "Aus dieser Sitzung abmelden",
    revokeNamed: (name, since) => `${name} widerrufen, ${since}`,
    rename: "Umbenennen",
    renameNamed: (name) => `${name} umbenennen`,
    saveName: "Speichern",
    renamed: (name) => `Das Token heißt jetzt „${name}“.`,
    lastUsed: (moment, ip, device) => ["Zuletzt benutzt", moment, ip && `von ${ip}`, device && `mit ${device}`]
      .filter(Boolean).join(" "),
    notUsedYet: "Seit der Anmeldung nicht benutzt",
    neverUsed: "Noch nie benutzt",
    loggedIn: (moment, amr) => `Angemeldet am ${moment} mit ${proof(amr)}`,
    created: (moment) => `Erstellt am ${moment}`,
    noEnd: "ohne Ablauf",
    ends: (moment) => `endet am ${moment}`,
    endsUnused: (moment) => `endet unbenutzt am ${moment}`,
    logOutQuestion: "Aus dieser Sitzung abmelden?",
    logOutConsequence: "Sie werden hier abgemeldet und müssen sich neu anmelden.",
    revokeQuestion: (name) => `„${name}“ widerrufen?`,
    revokeConsequence: "Was es benutzt, verliert sofort den Zugang. Das lässt sich nicht rückgängig machen.",
    revoked: (name) => `„${name}“ ist widerrufen.`,
    revokeAllQuestion: "Überall abmelden?",
    revokeAllConsequence: "Jede Sitzung und jedes persönliche Token Ihres Kontos endet, auf allen Geräten.",
    stay: "Hier angemeldet bleiben",
    allRevoked: (revoked) => `Alle Tokens sind widerrufen: ${ended(revoked) || "Sonst war nichts angemeldet"}. Melden`
      + " Sie sich noch einmal an, um fortzufahren.",
    othersRevoked: (revoked) => (ended(revoked) ? `Widerrufen: ${ended(revoked)}.` : "Sonst gab es nichts zu"
      + " widerrufen.")
      + " Sie sind hier noch angemeldet.",
    description: "Beschreibung",
    descriptionHint: "Wofür es ist, damit Sie es später wiedererkennen.",
    descriptionWanted: "eine Beschreibung",
    lifetime: "Gültigkeit",
    lifetimes: { week: "7 Tage", month: "30 Tage", quarter: "90 Tage", year: "1 Jahr", none: "Ohne Ablauf" },
    extend: "Bei jeder Benutzung von vorn beginnen",
    scopes: "Scopes (freiwillig)",
    scopesHint: "Wörter für die Dienste, mit denen Sie es benutzen, durch Leerzeichen getrennt.",
    scopesMalformed: "Ein Scope hat keine Anführungszeichen, umgekehrten Schrägstriche oder Umlaute.",
    hasScopes: (scopes) => `Scopes: ${scopes.join(", ")}`,
    addresses: "Gilt nur von (freiwillig)",
    addressesHint: "Adressen oder Netze wie 203.0.113.7 oder 2001:db8::/32, durch Leerzeichen getrennt.",
    worksFrom: (addresses) => `Gilt nur von ${addresses.join(", ")}`,
    createAct: "Erstellen",
    newToken: "Ihr neues Token",
    ready: (name) => `„${name}“ ist fertig`,
    onlyNow: "Es wird nur jetzt angezeigt.",
    copyIt: " Kopieren Sie es dorthin, wo es benutzt wird; wer es hat, kann Ihr Konto lesen.",
    header: "Senden Sie es als Kopfzeile:",
    tokenCreated: "Token erstellt.",
    notSaved: "Ihr neues Token wird nie wieder angezeigt. Ohne es weggehen?",
  },

  activityView: {
    title: "Aktivitäten",
    lead: (link) => ["Was in Ihrem Konto geschehen ist. Etwas kommt Ihnen fremd vor? ", link("Ändern Sie Ihr Passwort"),
      "; damit sind alle anderen abgemeldet."],
    empty: "Noch ist nichts geschehen.",
    show: "Anzeigen",
    kinds: { all: "Alles", logIns: "Anmeldungen", changes: "Änderungen", refused: "Abgelehntes" },
    noneOfThem: "Nichts von dieser Art.",
    ended: (revoked) => `${ended(revoked)} beendet`,
  },

  unknownDevice: "Ein unbekanntes Gerät",
  programOn: (program, system) => `${program} unter ${system}`,
  justNow: "gerade eben",
  inAMoment: "gleich",

  events: {
    "login.succeeded": (details) => `Angemeldet mit ${proof(details.amr)}`,
    "login.failed": (details) => (details.reason === "invalid_code" || details.reason === "wrong_code"
      ? "Anmeldung abgelehnt: Der Code war falsch"
      : details.reason === "password_breached"
        ? "Anmeldung abgelehnt: Das Passwort ist aus einem Datenleck bekannt"
        : "Anmeldung abgelehnt: Das Passwort war falsch"),
    "two_factor.enrollment_started": () => "Einrichtung der Zwei-Faktor-Anmeldung begonnen",
    "two_factor.enrollment_cancelled": () => "Einrichtung der Zwei-Faktor-Anmeldung abgebrochen",
    "two_factor.enabled": () => "Zwei-Faktor-Anmeldung eingeschaltet",
    "two_factor.disabled": (details) => "Zwei-Faktor-Anmeldung ausgeschaltet"
      + (/reset/.test(details.reason ?? "") ? " durch ein Zurücksetzen des Passworts" : ""),
    "two_factor.reset": () => "Zwei-Faktor-Anmeldung durch die Administration zurückgesetzt",
    "two_factor.clearing_started": () => "Ein Zurücksetzen des Passworts begann, die Zwei-Faktor-Anmeldung"
      + " auszuschalten",
    "two_factor.clearing_cancelled": (details) => "Zwei-Faktor-Anmeldung blieb eingeschaltet"
      + ({ link: ", über einen Link aus einer E-Mail", operator: ", durch die Administration" }[details.by ?? ""]
        ?? ", durch eine Anmeldung mit ihr"),
    "two_factor.cleared": () => "Zwei-Faktor-Anmeldung durch eine Anmeldung nach dem Zurücksetzen ausgeschaltet",
    "two_factor.code_refused": () => "Ein Code wurde abgelehnt",
    "two_factor.credential_refused": () => "Ein Sicherheitsschlüssel oder Passkey wurde abgelehnt",
    "authenticator.added": () => "Authenticator hinzugefügt",
    "authenticator.replaced": () => "Authenticator ersetzt",
    "authenticator.removed": (details) => `Authenticator entfernt${byAdministrator(details)}`,
    "authenticator.renamed": () => "Authenticator umbenannt",
    "authenticator.clone_suspected": () => "Ein Sicherheitsschlüssel wurde abgelehnt: Vielleicht gibt es eine Kopie",
    "recovery_code.used": () => "Ein Wiederherstellungscode wurde benutzt",
    "recovery_codes.replaced": () => "Neue Wiederherstellungscodes erstellt; die alten gelten nicht mehr",
    "password.refused": () => "Zum Bestätigen einer Änderung wurde ein falsches Passwort eingegeben",
    "password.changed": () => "Passwort geändert",
    "password.upgraded": () => "Passwort nach dem Umzug aus einem anderen System neu gespeichert",
    "password_reset.requested": (details) => `Zurücksetzen des Passworts angefordert${byAdministrator(details)}`,
    "password_reset.completed": () => "Passwort mit einem Link aus einer E-Mail zurückgesetzt",
    "email.change_requested": () => "Andere E-Mail-Adresse gewünscht",
    "email.change_cancelled": () => "Änderung der E-Mail-Adresse abgebrochen",
    "email.changed": (details) => `E-Mail-Adresse geändert${byAdministrator(details)}`,
    "email.change_undone": () => "Änderung der E-Mail-Adresse aus dem alten Postfach rückgängig gemacht",
    "token.created": (details) => `Persönliches Token${called(details)} erstellt`,
    "token.renamed": (details) => `Persönliches Token${details.description ? ` in${called(details)}` : ""} umbenannt`,
    "token.revoked": (details) => revokedBecause[details.reason ?? ""]
      ?? (details.kind === "session" ? "Sitzung widerrufen" : `Persönliches Token${called(details)} widerrufen`),
    "tokens.revoked": (details) => `Tokens widerrufen${byAdministrator(details)}`,
    "account.created": () => "Konto angelegt",
    "account.updated": (details) => (details.imported ? "Konto durch einen Import geändert" : "Sprache geändert"),
    "account.policy_changed": () => "Vorschrift zur Zwei-Faktor-Anmeldung durch die Administration geändert",
    "account.disabled": () => "Konto gesperrt",
    "account.enabled": () => "Konto entsperrt",
    "account.unlocked": () => "Konto durch die Administration wieder freigegeben",
    "account.deleted": () => "Konto gelöscht",
  },
};
