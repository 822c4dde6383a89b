import { createHmac, timingSafeEqual } from "node:crypto";
import type { Event } from "./cache.js";

const TOLERANCE_SECONDS = 300;

/** Not from the service, or too old: answer 400. */
export class BadSignature extends Error {}

/**
 * The payload of a webhook (Standard Webhooks). Throws BadSignature. While a secret is rotated both sign, so either
 * verifies. `header` gives a header of the request by its name; `body` is as it came.
 */
export function verify(
  secret: string, header: (name: string) => string | undefined, body: string, now = Date.now() / 1000,
): Event {
  const [id, sent, signatures] = ["id", "timestamp", "signature"].map((name) => header(`webhook-${name}`));
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const right = Buffer.from(`v1,${createHmac("sha256", key).update(`${id}.${sent}.${body}`).digest("base64")}`);
  const signed = (signatures ?? "").split(" ").map((each) => Buffer.from(each))
    .some((each) => each.length === right.length && timingSafeEqual(each, right));
  if (!id || !signed || !(Math.abs(now - Number(sent)) < TOLERANCE_SECONDS)) throw new BadSignature();
  return JSON.parse(body) as Event;
}
