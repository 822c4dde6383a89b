// A dashboard behind the guard for Express: node dashboard.mjs. Its cache's clock moves when it is told.
//
// Signatures are verified twice: by our package, and by the one of npm that receivers of Standard Webhooks use.

import express from "express";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import { BadSignature, EpochCache, Introspector, verify } from "twokeys-client";
import { guard } from "twokeys-client/express";

const { TWOKEYS_URL, TWOKEYS_CLIENT_ID, TWOKEYS_CLIENT_SECRET, TWOKEYS_WEBHOOK_SECRET, PORT } = process.env;
let at = 1000;
const cache = new EpochCache(30, 10_000, () => at);
const twokeys = new Introspector(TWOKEYS_URL, TWOKEYS_CLIENT_ID, TWOKEYS_CLIENT_SECRET, cache);
const independent = new Webhook(TWOKEYS_WEBHOOK_SECRET);

/** What a delivery says, or null; both verifiers must agree. */
function verified(req) {
  try {
    const event = verify(TWOKEYS_WEBHOOK_SECRET, (name) => req.get(name), req.body);
    independent.verify(req.body, req.headers);
    return event;
  } catch (error) {
    if (!(error instanceof BadSignature)) throw error;
  }
  try {
    independent.verify(req.body, req.headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return null;
  }
  throw new Error("The verifiers disagree.");
}

const web = express();
web.get("/orders", guard(twokeys), (req, res) => res.json({ orders_of: req.holder.sub }));
web.post("/hooks", express.text({ type: "*/*" }), (req, res) => {
  const event = verified(req);
  if (event) cache.apply(event);
  res.sendStatus(event ? 204 : 400);
});
web.post("/wait/:seconds", (req, res) => {
  at += Number(req.params.seconds);
  res.sendStatus(204);
});
web.listen(Number(PORT), "127.0.0.1");
