import type { Schemas } from "./problems.js";

type Holder = Schemas["ActiveToken"];

/** What a webhook delivers, once it is verified. */
export interface Event {
  type: string;
  data: { details: Record<string, unknown> };
}

/** The types of events that a webhook must subscribe to. */
export const EVENTS = ["account.epoch_turned", "token.revoked", "tokens.revoked"] as const;

/**
 * Answers of introspection. `life` is how many seconds one is kept at most: what a lost event costs.
 *
 * Late, doubled and reordered events do no harm, since every answer is compared with them when it is used. Each process
 * has a cache of its own, so each must be told of each event.
 */
export class EpochCache {
  #answers = new Map<string, { askedAt: number; until: number; holder: Holder }>();
  // Each with the time at which it was heard: what was asked before is kept no longer than `life`.
  #epochs = new Map<string, { smallest: number; at: number }>();
  #revoked = new Map<string, { at: number }>();
  #clearedAt = -Infinity;

  constructor(readonly life = 30, readonly most = 10_000, readonly clock = () => performance.now() / 1000) {}

  find(key: string): Holder | null {
    const kept = this.#answers.get(key);
    if (!kept) return null;
    if (this.clock() < kept.until && this.lives(kept.holder, kept.askedAt)) return kept.holder;
    this.#answers.delete(key);
    return null;
  }

  keep(key: string, holder: Holder, askedAt: number): void {
    const left = holder.exp === undefined ? this.life : Math.min(this.life, holder.exp - Date.now() / 1000);
    this.#answers.set(key, { askedAt, until: askedAt + left, holder });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= this.most) break;
      this.#answers.delete(oldest);
    }
  }

  /** Whether no event has ended it, also for an answer that comes later than the event. */
  lives({ jti, sub, epoch }: Holder, askedAt: number): boolean {
    return askedAt > this.#clearedAt && !this.#revoked.has(jti) && epoch >= (this.#epochs.get(sub)?.smallest ?? 0);
  }

  apply({ type, data: { details } }: Event): void {
    const at = this.clock();
    for (const heard of [this.#epochs, this.#revoked]) {
      for (const [id, one] of heard) if (at - one.at > this.life) heard.delete(id);
    }
    if (type === "token.revoked") this.#revoked.set(String(details.token_id), { at });
    if (type === "tokens.revoked" && Array.isArray(details.token_ids)) {
      for (const id of details.token_ids) this.#revoked.set(String(id), { at });
    }
    if (type !== "account.epoch_turned") return;
    const { account_id: account, epoch } = details;
    if (account === null) this.#clearedAt = at;
    else {
      const known = this.#epochs.get(String(account))?.smallest ?? 0;
      this.#epochs.set(String(account), { smallest: Math.max(known, epoch === null ? Infinity : Number(epoch)), at });
    }
  }
}
