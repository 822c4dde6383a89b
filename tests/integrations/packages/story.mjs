// The TypeScript package against a running service: node story.mjs ADDRESS CLIENT EMAIL PASSWORD RECOVERY_CODE.
//
// It asks for what it can't make itself (a credential, a signed event) with a line of JSON, and reads a line. The last
// line is what it saw.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import express from "express";
import { Hono } from "hono";
import { BadSignature, EpochCache, Introspector, LogIn, Refused, verify } from "twokeys-client";
import * as expressed from "twokeys-client/express";
import * as honoed from "twokeys-client/hono";

const [address, client, email, password, recoveryCode] = process.argv.slice(2);
const login = new LogIn(address);
const cache = new EpochCache(3600);
const twokeys = new Introspector(address, ...client.split(":"), cache);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const needs = {
  "/any": {}, "/two": { acr: "aal2", maxAge: 900 }, "/key": { phishingResistant: true }, "/new": { maxAge: -1 },
};

const web = express();
const hono = new Hono();
for (const [path, requirement] of Object.entries(needs)) {
  web.get(path, expressed.guard(twokeys, requirement), (req, res) => res.send(req.holder.username));
  hono.get(path, honoed.guard(twokeys, requirement), (c) => c.text(c.get("holder").username));
}
const server = web.listen(0);
await new Promise((resolve) => server.once("listening", resolve));

async function ask(question) {
  console.log(JSON.stringify(question));
  return JSON.parse((await lines.next()).value);
}

async function challenge() {
  const answer = await login.byPassword(email, password);
  if (answer.status !== "two_factor_required") throw new Error(answer.status);
  return answer.challenge;
}

/** By both guards, which must agree. */
async function status(path, token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const one = (await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers })).status;
  const other = (await hono.request(path, { headers })).status;
  if (one !== other) throw new Error(`${path}: ${one}, ${other}`);
  return one;
}

const all = async (token) => {
  const found = [];
  for (const path of Object.keys(needs)) found.push(await status(path, token));
  return found;
};

const seen = { version: JSON.parse(readFileSync("package.json", "utf-8")).version };
await login.byPassword(email, "not the password").catch((error) => {
  if (!(error instanceof Refused)) throw error;
  seen.refused = error.problem.code;
});
const byCode = await login.byCode(await challenge(), recoveryCode);
const second = await challenge();
const byKey = await login.byKey(second, await ask({ key: (await login.keyOptions(second)).public_key }));
const third = await login.passkeyOptions();
const byPasskey = await login.byPasskey(third.challenge, await ask({ key: third.public_key }));
seen.amr = [byCode, byKey, byPasskey].map((grant) => grant.token.amr);
seen.without = [await status("/any"), await status("/any", "nonsense")];
seen.code = await all(byCode.access_token);
seen.key = await all(byKey.access_token);
await fetch(`${address}/v1/logout`, { method: "POST", headers: { Authorization: `Bearer ${byCode.access_token}` } });
seen.kept = await status("/any", byCode.access_token);
const { secret, headers, body } = await ask({ revoked: byCode.token.id });
try {
  verify(secret, (name) => headers[name], `${body} `);
} catch (error) {
  if (!(error instanceof BadSignature)) throw error;
  seen.forged = "refused";
}
cache.apply(verify(secret, (name) => headers[name], body));
seen.dropped = await status("/any", byCode.access_token);
console.log(JSON.stringify(seen));
process.exit();
