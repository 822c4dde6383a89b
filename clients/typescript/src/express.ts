import { decide, type Requirement } from "./guard.js";
import type { Holder, Introspector } from "./introspection.js";

interface Req {
  headers: Record<string, string | string[] | undefined>;
  holder?: Holder;
}
interface Res {
  set(headers: Record<string, string>): this;
  sendStatus(status: number): unknown;
}

/** Middleware that puts the token's holder at `req.holder`. `clientIp` says where a request came from. */
export function guard<R extends Req>(
  introspector: Introspector, requirement: Requirement = {}, clientIp: (req: R) => string | undefined = () => undefined,
) {
  return async (req: R, res: Res, next: (error?: unknown) => void): Promise<void> => {
    try {
      const { authorization } = req.headers;
      const decision = await decide(introspector, String(authorization ?? ""), requirement, clientIp(req));
      if ("sub" in decision) req.holder = decision;
      else return void res.set(decision.headers).sendStatus(decision.status);
    } catch (error) {
      return next(error);
    }
    next();
  };
}
