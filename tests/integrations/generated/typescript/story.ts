// The whole story by the generated TypeScript client: node story.js ADDRESS OPERATOR INTROSPECTOR EMAIL.
//
// OPERATOR and INTROSPECTOR are `id:secret`. What only a key or a mailbox can give it asks for with a line of JSON, and
// reads a line; the last line is what it saw.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline/promises";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./twokeys.js";

type Schemas = components["schemas"];
type Twokeys = Client<paths>;

const PASSWORD = "tangled-orchid-basement-41";
const NEW_PASSWORD = "walnut-harbour-sixteen-kites";
const [address, operatorCredentials, introspectorCredentials, email] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
];

const withHeader = (authorization: string): Twokeys =>
  createClient<paths>({ baseUrl: address, headers: { Authorization: authorization } });
const by = (grant: { access_token: string }): Twokeys => withHeader(`Bearer ${grant.access_token}`);
const byBasic = (credentials: string): Twokeys =>
  withHeader(`Basic ${Buffer.from(credentials).toString("base64")}`);

const twokeys = createClient<paths>({ baseUrl: address });
const operator = byBasic(operatorCredentials);
const backend = byBasic(introspectorCredentials);

/** What went well, or an end with the problem. */
function the<T>(answer: { data?: T; error?: Schemas["Problem"] }): T {
  assert(answer.data !== undefined, `refused: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

const lines = createInterface({ input: process.stdin });
async function ask(question: object): Promise<any> {
  const answered = lines.question("");
  console.log(JSON.stringify(question));
  return JSON.parse(await answered);
}

/** What the authenticator app shows (RFC 6238), or will show so many steps later. */
function code(secret: string, steps = 0): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac("sha1", key).update(counter).digest();
  const number = mac.readUInt32BE(mac[mac.length - 1]! & 15) & 0x7fffffff;
  return (number % 1_000_000).toString().padStart(6, "0");
}

async function logIn(secret: string): Promise<Schemas["Grant"]> {
  const answer = the(await twokeys.POST("/v1/login", { body: { email, password: PASSWORD } }));
  switch (answer.status) {
    case "authenticated":
      return answer;
    case "two_factor_required":
      return the(
        await twokeys.POST("/v1/login/two-factor", {
          body: { challenge: answer.challenge, code: code(secret, 1) },
        }),
      );
    case "enrollment_required":
      throw new Error("No policy requires a second factor here.");
  }
}

async function registerKey(grant: Schemas["Grant"], passkey: boolean): Promise<Schemas["Grant"]> {
  const wanted = { body: { password: PASSWORD, passkey } };
  const begun = the(await by(grant).POST("/v1/me/2fa/webauthn/options", wanted));
  const credential = await ask({ create: begun.public_key });
  const done = { body: { registration: begun.registration, credential } };
  return the(await by(grant).POST("/v1/me/2fa/webauthn", done)).grant;
}

async function logInByKey(): Promise<Schemas["Grant"]> {
  const first = the(await twokeys.POST("/v1/login", { body: { email, password: PASSWORD } }));
  assert(first.status === "two_factor_required");
  const { challenge } = first;
  const options = the(await twokeys.POST("/v1/login/two-factor/options", { body: { challenge } }));
  const credential = await ask({ get: options.public_key });
  return the(await twokeys.POST("/v1/login/two-factor", { body: { challenge, credential } }));
}

async function logInByPasskey(): Promise<Schemas["Grant"]> {
  const { challenge, public_key } = the(await twokeys.POST("/v1/login/passkey/options", { body: {} }));
  const credential = await ask({ get: public_key });
  return the(await twokeys.POST("/v1/login/passkey", { body: { challenge, credential } }));
}

async function proveAgain(grant: Schemas["Grant"]): Promise<Schemas["Grant"]> {
  const { challenge, public_key } = the(await by(grant).POST("/v1/me/reauthenticate/options", { body: {} }));
  const credential = await ask({ get: public_key });
  return the(await by(grant).POST("/v1/me/reauthenticate", { body: { challenge, credential } })).grant;
}

/** At a log-in where the operator requires it: the new device's secret, and the session that it opens. */
async function enrollByTicket(): Promise<[string, Schemas["Grant"]]> {
  const answer = the(await twokeys.POST("/v1/login", { body: { email, password: PASSWORD } }));
  assert(answer.status === "enrollment_required");
  const { ticket } = answer;
  const { secret } = the(await twokeys.POST("/v1/login/enrollment", { body: { ticket } }));
  const confirming = { body: { ticket, code: code(secret) } };
  return [secret, the(await twokeys.POST("/v1/login/enrollment/confirm", confirming)).grant];
}

/** To another address and, by the link that the old mailbox gets, back: the address in between. */
async function moveAndReturn(grant: Schemas["Grant"]): Promise<string> {
  const new_email = `moved-${email}`;
  the(await by(grant).POST("/v1/me/email", { body: { new_email, password: PASSWORD } }));
  const token = await ask({ link: "email-change", to: new_email });
  const moved = the(await twokeys.POST("/v1/email-change/confirm", { body: { token } }));
  const back = await ask({ link: "email-change/undo", to: email });
  const undone = the(await twokeys.POST("/v1/email-change/undo", { body: { token: back } }));
  assert.equal(undone.email, email);
  return moved.email;
}

async function introspect(token: string): Promise<Schemas["ActiveToken"] | null> {
  const answer = the(
    await backend.POST("/v1/introspect", {
      body: { token },
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    }),
  );
  return "sub" in answer ? answer : null;
}

const made = the(await operator.POST("/v1/admin/accounts", { body: { email, password: PASSWORD } }));
const first = the(await twokeys.POST("/v1/login", { body: { email, password: PASSWORD } }));
assert(first.status === "authenticated");

const { secret } = the(await by(first).POST("/v1/me/2fa/enrollment", { body: { password: PASSWORD } }));
const refused = await by(first).POST("/v1/me/2fa/confirm", { body: { code: "000000" } });
assert.equal(refused.error?.code, "invalid_code");
assert.equal(refused.error?.attempts_remaining, 9);
const confirmed = the(await by(first).POST("/v1/me/2fa/confirm", { body: { code: code(secret) } }));
assert.equal(confirmed.recovery_codes.length, 10);
assert.equal(await introspect(first.access_token), null);

let session = await logIn(secret);
const found = await introspect(session.access_token);
assert(found);
assert.deepEqual([found.sub, found.username, found.amr], [made.id, email, ["pwd", "otp", "mfa"]]);

session = await registerKey(session, false);
session = await registerKey(session, true);
const byKey = await logInByKey();
const byPasskey = await logInByPasskey();
session = await proveAgain(session);
const amr = [byKey, byPasskey, session].map((grant) => grant.token.amr);

const personal = the(await by(session).POST("/v1/me/tokens", { body: { description: "Backup" } }));
the(await by(personal).GET("/v1/me"));
const page = the(await by(session).GET("/v1/me/tokens", { params: { query: { limit: 2 } } }));
assert.equal(page.items.length, 2);
assert(page.next_cursor);
the(
  await backend.POST("/v1/revoke", {
    body: { token: personal.access_token },
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  }),
);
assert.equal((await by(personal).GET("/v1/me")).error?.code, "invalid_token");

const off = the(await by(session).POST("/v1/me/2fa/disable", { body: { password: PASSWORD } }));
assert.equal(await introspect(confirmed.grant.access_token), null);
const events = the(await by(off.grant).GET("/v1/me/events"));
assert.equal((await by(off.grant).POST("/v1/logout")).response.status, 204);

const required = { params: { path: { id: made.id } }, body: { two_factor_policy: "required" as const } };
the(await operator.PATCH("/v1/admin/accounts/{id}", required));
const [newSecret, enrolled] = await enrollByTicket();
const moved = await moveAndReturn(enrolled);

the(await twokeys.POST("/v1/password-reset", { body: { email } }));
const token = await ask({ link: "password-reset", to: email });
const done = the(
  await twokeys.POST("/v1/password-reset/confirm", { body: { token, new_password: NEW_PASSWORD } }),
);
const waiting = the(await twokeys.POST("/v1/login", { body: { email, password: NEW_PASSWORD } }));
assert(waiting.status === "two_factor_required");
assert.equal(waiting.clears_at, done.clears_at);
const proof = { challenge: waiting.challenge, code: code(newSecret, 1) };
const last = the(await twokeys.POST("/v1/login/two-factor", { body: proof }));
lines.close();

console.log(
  JSON.stringify({
    account: made.id,
    acr: found.acr,
    amr,
    disabled: off.two_factor.status,
    events: events.items.map((event) => event.type),
    moved,
    reset: done.two_factor,
    token: last.access_token,
  }),
);
