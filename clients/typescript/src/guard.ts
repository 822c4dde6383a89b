import type { Holder, Introspector } from "./introspection.js";
import { Unanswered } from "./problems.js";

export interface Requirement {
  acr?: "aal2";
  phishingResistant?: boolean;
  /** How many seconds ago the proof may be. */
  maxAge?: number;
}

/** A request that may not pass, and what to answer. */
export interface Denied {
  status: 401 | 403 | 503;
  headers: Record<string, string>;
}

/** Who may pass, or what to answer, for an `Authorization` header as it came. */
export async function decide(
  introspector: Introspector, authorization: string | undefined, requirement: Requirement, clientIp?: string,
): Promise<Holder | Denied> {
  const token = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
  if (!token) return denied(401, "Bearer");
  try {
    const holder = await introspector.holder(token, clientIp);
    return holder ? (lack(holder, requirement) ?? holder) : denied(401, 'Bearer error="invalid_token"');
  } catch (error) {
    if (error instanceof Unanswered) return { status: 503, headers: { "Retry-After": "1" } };
    throw error;
  }
}

/** RFC 9470 §3. */
function lack(holder: Holder, { acr, phishingResistant, maxAge }: Requirement): Denied | null {
  const stepUp = 'Bearer error="insufficient_user_authentication"';
  if (maxAge !== undefined && Date.now() / 1000 - holder.auth_time > maxAge) {
    return denied(401, `${stepUp}, max_age="${maxAge}"`);
  }
  if (acr && holder.acr !== acr) return denied(403, `${stepUp}, acr_values="${acr}"`);
  return phishingResistant && !holder.phishing_resistant ? denied(403, stepUp) : null;
}

const denied = (status: 401 | 403, challenge: string): Denied => ({
  status, headers: { "WWW-Authenticate": challenge },
});
