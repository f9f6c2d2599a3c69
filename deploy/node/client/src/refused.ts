// Was it done? answered() gives what was answered, or throws the problem with its type and what to do.

import type { Problem } from "./reporting/index.js";

/** What a generated call resolves to. */
export interface Answer<T> {
  readonly data?: T | undefined;
  readonly error?: unknown;
  readonly response?: Response | undefined;
}

/** A refusal: `kind` is the last part of the problem's type, as `rejected`; `problem.detail` says what to do. */
export class Refused extends Error {
  override readonly name = "Refused";

  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
  ) {
    super(`${status} ${problem.type ?? ""}: ${problem.detail ?? "no reason was given"}`);
  }

  get kind(): string {
    return (this.problem.type ?? "").replace("/problems/", "");
  }
}

/** The data of an answer, with its headers. Throws Refused; what kept the request from being answered at all is thrown as it came. */
export async function answered<T>(call: Promise<Answer<T>>): Promise<{ data: T; response: Response }> {
  const { data, error, response } = await call;
  if (response === undefined) throw error;
  if (!response.ok || data === undefined) throw new Refused(response.status, problemOf(error));
  return { data, response };
}

/** What a write's answer is read back with: send it to reporting as `Consistency-Token`. */
export function tokenOf(response: Response): string {
  const token = response.headers.get("Consistency-Token");
  if (token === null) throw new TypeError("Only a write answers a Consistency-Token.");
  return token;
}

export function problemOf(told: unknown): Partial<Problem> {
  return typeof told === "object" && told !== null ? told : {};
}
