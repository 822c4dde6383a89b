import createClient, { type Client } from "openapi-fetch";
import { expect, type Schemas } from "./problems.js";
import type { paths } from "./wire.js";

type Json = Record<string, unknown>;

/**
 * Logging in: one method for each proof. All throw Refused and Unanswered.
 *
 * What a browser needs for a key or passkey is `public_key`, and what it gives is `credential.toJSON()`.
 */
export class LogIn {
  readonly client: Client<paths>;

  constructor(address: string) {
    this.client = createClient<paths>({ baseUrl: address });
  }

  /** A grant, a `challenge` for the second factor, or a `ticket` to set one up where a policy requires it. */
  byPassword(email: string, password: string) {
    return expect(this.client.POST("/v1/login", { body: { email, password } }));
  }

  /** `code` is six digits of the app, or a recovery code. */
  byCode(challenge: string, code: string): Promise<Schemas["Grant"]> {
    return expect(this.client.POST("/v1/login/two-factor", { body: { challenge, code } }));
  }

  /** For `PublicKeyCredential.parseRequestOptionsFromJSON(public_key)`. */
  keyOptions(challenge: string): Promise<Schemas["RequestOptions"]> {
    return expect(this.client.POST("/v1/login/two-factor/options", { body: { challenge } }));
  }

  /** A security key or passkey as the second factor. */
  byKey(challenge: string, credential: Json): Promise<Schemas["Grant"]> {
    return expect(this.client.POST("/v1/login/two-factor", { body: { challenge, credential } }));
  }

  /** The challenge, and the options as those of `keyOptions`. */
  passkeyOptions(): Promise<Schemas["AssertionRequest"]> {
    return expect(this.client.POST("/v1/login/passkey/options", { body: {} }));
  }

  /** A passkey alone: it is both factors. */
  byPasskey(challenge: string, credential: Json): Promise<Schemas["Grant"]> {
    return expect(this.client.POST("/v1/login/passkey", { body: { challenge, credential } }));
  }
}
