import { createHash } from "node:crypto";
import createClient, { type Client } from "openapi-fetch";
import type { EpochCache } from "./cache.js";
import { expect, type Schemas } from "./problems.js";
import type { paths } from "./wire.js";

export type Holder = Schemas["ActiveToken"];
const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

/** Without a cache each question goes to the service, and a revocation counts at once. */
export class Introspector {
  readonly client: Client<paths>;

  constructor(address: string, clientId: string, clientSecret: string, readonly cache: EpochCache | null = null) {
    const basic = Buffer.from(`${clientId}:${clientSecret}`).toString("base64");
    this.client = createClient<paths>({ baseUrl: address, headers: { Authorization: `Basic ${basic}` } });
  }

  /**
   * Null where the token is not alive, or does not work from `clientIp`. Throws Refused; and Unanswered where nobody
   * knows: let nobody in then.
   */
  async holder(token: string, clientIp?: string): Promise<Holder | null> {
    if (!this.cache) return this.#ask(token, clientIp);
    // No secret stays in memory.
    const key = createHash("sha256").update(`${token} ${clientIp}`).digest("base64");
    const kept = this.cache.find(key);
    if (kept) return kept;
    const askedAt = this.cache.clock();
    const found = await this.#ask(token, clientIp);
    if (!found || !this.cache.lives(found, askedAt)) return null;
    this.cache.keep(key, found, askedAt);
    return found;
  }

  async #ask(token: string, clientIp?: string): Promise<Holder | null> {
    const body = clientIp === undefined ? { token } : { token, client_ip: clientIp };
    const signal = AbortSignal.timeout(5000);
    const answer = await expect(this.client.POST("/v1/introspect", { body, headers: FORM, signal }));
    return "sub" in answer ? answer : null;
  }
}
