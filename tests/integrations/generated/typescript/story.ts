// The whole story by the generated TypeScript client: node story.js ADDRESS OPERATOR INTROSPECTOR EMAIL.
//
// OPERATOR and INTROSPECTOR are `id:secret`. It says `asked` when it has asked for a reset link, reads the link's token
// from standard input, and ends with a line of JSON.

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

const session = await logIn(secret);
const found = await introspect(session.access_token);
assert(found);
assert.deepEqual([found.sub, found.username, found.amr], [made.id, email, ["pwd", "otp", "mfa"]]);

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

the(await twokeys.POST("/v1/password-reset", { body: { email } }));
console.log("asked");
const lines = createInterface({ input: process.stdin });
const token = await lines.question("");
lines.close();
const done = the(
  await twokeys.POST("/v1/password-reset/confirm", { body: { token, new_password: NEW_PASSWORD } }),
);
const last = the(await twokeys.POST("/v1/login", { body: { email, password: NEW_PASSWORD } }));
assert(last.status === "authenticated");

console.log(
  JSON.stringify({
    account: made.id,
    acr: found.acr,
    disabled: off.two_factor.status,
    events: events.items.map((event) => event.type),
    reset: done.two_factor,
    token: last.access_token,
  }),
);
