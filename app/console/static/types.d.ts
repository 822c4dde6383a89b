// The shapes that the modules share. Those of the API come from openapi/openapi.json (scripts/check_console.py).

import type { components } from "twokeys-api";
import type { Problem } from "./problem.js";

export type { Problem };

type Schemas = components["schemas"];
export type Account = Schemas["Account"];
export type AssertionRequest = Schemas["AssertionRequest"];
export type Authenticator = Schemas["Authenticator"];
export type AuthenticatorList = Schemas["AuthenticatorList"];
export type Config = Schemas["FrontendConfig"];
export type Confirmed = Schemas["Confirmed"];
export type CreateToken = Schemas["CreateToken"];
export type CreatedToken = Schemas["CreatedToken"];
export type Disabled = Schemas["Disabled"];
export type EmailChangeRequested = Schemas["EmailChangeRequested"];
export type EmailChanged = Schemas["EmailChanged"];
export type EmailChangeUndone = Schemas["EmailChangeUndone"];
export type Enrollment = Schemas["Enrollment"];
export type Event = Omit<Schemas["Event"], "details"> & { details: Details };
export type EventPage = { items: Event[]; next_cursor: string | null };
export type Grant = Schemas["Grant"];
export type LogInAnswer = Grant | TwoFactorRequired | Schemas["EnrollmentRequired"];
export type NewRecoveryCodes = Schemas["NewRecoveryCodes"];
export type NotMeReported = Schemas["NotMeReported"];
export type PasswordChanged = Schemas["PasswordChanged"];
export type PasswordStrength = Schemas["PasswordStrength"];
export type ProblemBody = Partial<Schemas["Problem"]>;
export type Reauthenticated = Schemas["Reauthenticated"];
export type RegistrationRequest = Schemas["RegistrationRequest"];
export type Removed = Schemas["Removed"];
export type RequestOptions = Schemas["RequestOptions"];
export type ResetChecked = Schemas["ResetChecked"];
export type ResetCompleted = Schemas["ResetCompleted"];
export type Revoked = Schemas["Revoked"];
export type RevokedAll = Schemas["RevokedAll"];
export type Signal = Schemas["Signal"];
export type Token = Schemas["Token"];
export type TokenPage = Schemas["TokenPage"];
export type TwoFactor = Schemas["TwoFactor"];
export type TwoFactorRequired = Schemas["TwoFactorRequired"];

/** What an event says besides its type; which of these it has depends on the type. */
export interface Details {
  amr?: string[];
  by?: string;
  client_id?: string;
  description?: string;
  imported?: boolean;
  kind?: string;
  reason?: string;
  revoked?: Revoked;
}

export type Child = Node | string | null | undefined | false;
export type Children = Child | readonly Children[];

export interface Field {
  name: string;
  node: HTMLElement;
  input: HTMLInputElement;
  /** What is sent. */
  readonly value: string;
  /** What is wrong with what was entered, or null. */
  problem(): string | null;
  /** Says `words` beside the field and takes the focus there; "" takes them away. */
  say(words: string): void;
}

/** A step within a view, which has a place of its own in the history. It outlives a reload. */
export interface Step {
  name: string;
  address?: string;
}

export interface Context {
  main: HTMLElement;
  account: Account;
  /** Of what the view is about, where its address ends with one. */
  id: string | null;
  /** Goes to another view, which opens with `words`. */
  go(path: string, words?: Node | null, how?: { replace?: boolean }): void;
  /** Goes where somebody wanted to go before the log-in. */
  arrive(words?: Node | null): void;
  logOut(): void;
  retitle(words: string): void;
  /** Asks `sentence` before the view is left; null lets go again. */
  hold(sentence: string | null): void;
  step: {
    current: Step | null;
    /** Adds a place in the history, to which Back returns. */
    push(step: Step): void;
    replace(step: Step | null): void;
    /** Calls `listener` when Back or Forward reaches another step of the same view. */
    listen(listener: (step: Step | null) => void): void;
  };
}

export interface View {
  title(): string;
  /** Whether the view depends on the newest state of the account, and waits for it. */
  fresh?: boolean;
  show(context: Context): void;
}
