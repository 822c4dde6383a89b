import { decide, type Requirement } from "./guard.js";
import type { Introspector } from "./introspection.js";

interface Ctx {
  req: { header(name: string): string | undefined };
  set(key: "holder", value: unknown): void;
  body(data: null, status: 401 | 403 | 503, headers: Record<string, string>): Response;
}

/** Middleware that puts the token's holder at `c.get("holder")`. `clientIp` says where a request came from. */
export function guard<C extends Ctx>(
  introspector: Introspector, requirement: Requirement = {}, clientIp: (c: C) => string | undefined = () => undefined,
) {
  return async (c: C, next: () => Promise<void>): Promise<Response | void> => {
    const decision = await decide(introspector, c.req.header("authorization"), requirement, clientIp(c));
    if (!("sub" in decision)) return c.body(null, decision.status, decision.headers);
    c.set("holder", decision);
    await next();
  };
}
