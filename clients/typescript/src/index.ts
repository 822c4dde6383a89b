// Twokeys from TypeScript. `wire.ts` is generated from the OpenAPI document; the rest is written by hand.

export { EpochCache, EVENTS, type Event } from "./cache.js";
export { decide, type Denied, type Requirement } from "./guard.js";
export { Introspector, type Holder } from "./introspection.js";
export { LogIn } from "./login.js";
export { Refused, Unanswered, type Schemas } from "./problems.js";
export { BadSignature, verify } from "./webhooks.js";
export type { components, paths } from "./wire.js";
