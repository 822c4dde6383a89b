// What the console says, by its pure modules alone: no browser, no server.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { accents, contrast } from "../../app/console/static/accent.js";
import { isAppCode, isRecoveryCode, plainCode } from "../../app/console/static/codes.js";
import { deviceOf, isPhone } from "../../app/console/static/devices.js";
import { eventInWords, kindOfEvent, others } from "../../app/console/static/events.js";
import { explain } from "../../app/console/static/explain.js";
import { readLink } from "../../app/console/static/links.js";
import { problemFrom } from "../../app/console/static/problem.js";
import { clockFace, durationOf, fromNow } from "../../app/console/static/times.js";
import { choose } from "../../app/console/static/words.js";

const SECRET = `tkr_${"aB3-_".repeat(8)}xyz`;
const RECOVERY_CODE = "QZA5-BG7L-MNOP-QRST-UVWX-YZ23";

test("a link gives its secret, whatever a mail client has left behind it", () => {
  for (const rest of ["", ".", ">", "/", "?utm_source=mail", "%20", ")", "&gt;"]) {
    const link = readLink(`#/password-reset/${SECRET}${rest}`);
    assert.deepEqual(link, { path: "/password-reset", secret: SECRET, broken: false }, rest);
  }
});

test("each page takes a secret of its own kind", () => {
  const notMe = SECRET.replace("tkr_", "tkn_");
  assert.deepEqual(readLink(`#/not-me/${notMe}`), { path: "/not-me", secret: notMe, broken: false });
  assert.deepEqual(readLink(`#/not-me/${SECRET}`), { path: "/not-me", secret: null, broken: true });
});

test("a link that is not whole is broken, never silently another page", () => {
  for (const rest of ["/", "/garbage$$", `/${SECRET.slice(0, -1)}`, `/${SECRET}x`, "/%", "?x", "/tkm_abc"]) {
    assert.deepEqual(readLink(`#/password-reset${rest}`), { path: "/password-reset", secret: null, broken: true }, rest);
  }
});

test("each page takes the secret of its own kind", () => {
  for (const [path, kind] of [["/email-change", "tkm_"], ["/email-change/undo", "tku_"]]) {
    const secret = kind + SECRET.slice(4);
    assert.deepEqual(readLink(`#${path}/${secret}`), { path, secret, broken: false });
    assert.deepEqual(readLink(`#${path}/${SECRET}`), { path, secret: null, broken: true });
  }
});

test("an address that is no link of ours is none", () => {
  for (const fragment of ["", "#", "#constructor", "#__proto__", "#/login", "#/password-resets", "#/activity"]) {
    assert.equal(readLink(fragment), null, fragment);
  }
  assert.deepEqual(readLink("#/password-reset"), { path: "/password-reset", secret: null, broken: false });
});

test("a code is the same code however it was pasted", () => {
  for (const text of ["702184", "702 184", " 702-184 ", "７０２１８４", "702\u200b184"]) assert.ok(isAppCode(text), text);
  const dashed = RECOVERY_CODE.replaceAll("-", "–");
  for (const text of [RECOVERY_CODE, RECOVERY_CODE.toLowerCase(), dashed, ` ${RECOVERY_CODE},`]) {
    assert.ok(isRecoveryCode(text), text);
    assert.ok(!isAppCode(text), text);
  }
  assert.equal(plainCode("702 184"), "702184");
  for (const text of ["", "70218", "70218a", RECOVERY_CODE.slice(1)]) assert.ok(!isAppCode(text) && !isRecoveryCode(text));
});

test("a wrong code tells of the clock once the server says so", () => {
  const wrong = problemFrom(401, null, { code: "invalid_code", attempts_remaining: 3, check_device_clock: true });
  assert.match(explain(wrong), /3 attempts left\. Codes keep being refused\?/);
  const first = problemFrom(401, null, { code: "invalid_code", attempts_remaining: 1 });
  assert.match(explain(first), /1 attempt left\.$/);
  assert.match(explain(first, "invalid_recovery_code"), /not one of your unused recovery codes/);
  const skewed = problemFrom(403, null, { code: "invalid_code", clock_skew_seconds: -120 });
  assert.match(explain(skewed), /about 2 minutes behind/);
});

test("a refusal that nobody has words for still says something", () => {
  assert.match(explain(problemFrom(500, null, {})), /Something went wrong/);
  assert.equal(explain(problemFrom(418, null, { code: "constructor", detail: "no tea here" })), "No tea here.");
  assert.equal(problemFrom(503, "7", {}).retryAfter, 7);
  assert.equal(problemFrom(503, "soon", {}).code, "unavailable");
});

test("the first language that there is a translation for is spoken, in the region that is preferred of it", () => {
  assert.deepEqual(choose(["ar", "de-AT", "en"]), { language: "de", region: "de-AT" });
  assert.deepEqual(choose(["fr", "en", "en-GB", "en-US"]), { language: "en", region: "en-GB" });
  assert.deepEqual(choose(["", "constructor", "de"]), { language: "de", region: null });
  assert.deepEqual(choose([]), { language: "en", region: null });
});

test("times and waits read as people say them", () => {
  const now = Date.parse("2026-11-27T12:00:00Z");
  assert.equal(fromNow("2026-11-27T11:55:00Z", now), "5 minutes ago");
  assert.equal(fromNow("2026-11-27T11:59:50Z", now), "just now");
  assert.equal(durationOf(1800), "30 minutes");
  assert.equal(durationOf(86_400), "1 day");
  assert.equal(durationOf(90), "90 seconds");
  assert.equal(clockFace(62), "1:02");
});

test("a change does not count the session that made it among those it ended", () => {
  const revoked = { sessions: 1, personal_tokens: 2 };
  assert.deepEqual(others(revoked), { sessions: 0, personal_tokens: 2 });
  assert.equal(eventInWords({ type: "two_factor.disabled", details: { revoked } }).ended, "2 personal tokens ended");
  const byReset = { revoked: { sessions: 1, personal_tokens: 0 }, reason: "password_reset" };
  assert.equal(eventInWords({ type: "two_factor.disabled", details: byReset }).ended, "1 session ended");
});

test("every event of an account has a sentence and a picture of its own", () => {
  const schema = JSON.parse(readFileSync(new URL("../../openapi/events.schema.json", import.meta.url), "utf8"));
  for (const type of Object.keys(schema.$defs)) {
    if (type.startsWith("webhook.") || type === "account.epoch_turned") continue; // No person's log has these.
    const { words, picture } = eventInWords({ type, details: {} });
    assert.ok(words !== type && picture !== "info", type);
  }
});

test("what somebody looks for among many events is found by its kind", () => {
  const kinds = ["login.failed", "login.succeeded", "password.changed"].map((type) =>
    kindOfEvent({ type, details: {} }));
  assert.deepEqual(kinds, ["refused", "logIns", "changes"]);
  assert.equal(kindOfEvent({ type: "token.revoked", details: { reason: "logout" } }), "logIns");
});

test("an event that this page does not know is named as it is", () => {
  for (const type of ["something.new", "constructor"]) assert.equal(eventInWords({ type, details: {} }).words, type);
});

test("a device is named as well as it can be guessed", () => {
  const phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605 Version/19.1 Safari/604.1";
  assert.equal(deviceOf(phone), "Safari on iPhone");
  assert.ok(isPhone(phone));
  assert.equal(deviceOf("curl/8.5"), "curl");
  assert.equal(deviceOf(null), "An unknown device");
});

test("the operator's color stays readable, whichever it is", () => {
  const parts = (color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  for (const color of ["#0a7d5a", "#ffff00", "#ffffff", "#000000", "#1a56db", "#ff0066"]) {
    for (const dark of [false, true]) {
      const made = accents(color, dark);
      const ground = dark ? [24, 31, 29] : [255, 255, 255];
      assert.ok(contrast(parts(made["--accent"]), ground) >= 4.4, `${color} ${dark}`);
      assert.ok(contrast(parts(made["--accent"]), parts(made["--on-accent"])) >= 4.4, `${color} ${dark}`);
      assert.ok(contrast(parts(made["--accent"]), parts(made["--accent-soft"])) >= 4.4, `${color} ${dark}`);
    }
  }
});
