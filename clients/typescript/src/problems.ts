import type { components } from "./wire.js";

export type Schemas = components["schemas"];

/** The service said no. `problem.code` says why. */
export class Refused extends Error {
  constructor(readonly problem: Schemas["Problem"]) {
    super(problem.code);
  }
}

/** Nothing was done, or nobody knows. Asking again is safe; let nobody in meanwhile. */
export class Unanswered extends Error {}

/** What was asked for. Throws Refused and Unanswered. */
export async function expect<T>(asked: Promise<{ data?: T; error?: Schemas["Problem"] }>): Promise<T> {
  const { data, error } = await asked.catch((cause: unknown) => {
    throw new Unanswered("no answer", { cause });
  });
  if (data !== undefined) return data;
  if (error === undefined || error.status >= 500) throw new Unanswered(error?.code);
  throw new Refused(error);
}
