// What is happening with this customer? follow() yields views and events as they come, and comes back with Last-Event-ID whenever the stream ends.

import { bearer, type Connection } from "./connect.js";
import { problemOf, Refused } from "./refused.js";
import type { CustomerView, TimelineItem } from "./reporting/index.js";

/** `id`: the position to go on from. A `view` shows everything up to its id; an `event` is one touchpoint; after `erased` nothing follows. */
export type Followed =
  | { readonly kind: "view"; readonly id: string; readonly view: CustomerView }
  | { readonly kind: "event"; readonly id: string; readonly type: string; readonly item: TimelineItem }
  | { readonly kind: "erased"; readonly id: string };

/** `lastEventId`: go on after it, without a gap. `onReconnect` is told why and in how many milliseconds. `patience`: the longest pause between two tries. */
export interface Following {
  readonly lastEventId?: string;
  readonly signal?: AbortSignal;
  readonly onReconnect?: (why: unknown, pause: number) => void;
  readonly patience?: number;
}

const FIRST_PAUSE = 250;
const PASSING = new Set([429, 500, 502, 503, 504]);

/** Ends when the signal aborts or the customer was erased. Throws Refused where coming back would not help: no such customer, no right to see them. */
export async function* follow(crm: Connection, customerId: string, options: Following = {}): AsyncGenerator<Followed, void, void> {
  const { signal, onReconnect, patience = 30_000 } = options;
  const url = `${crm.services.reporting}/v1/customers/${encodeURIComponent(customerId)}/stream`;
  let last = options.lastEventId;
  let failures = 0;
  while (!signal?.aborted) {
    let why: unknown = "the stream ended";
    let asked = 0;
    try {
      const headers = new Headers({ Accept: "text/event-stream", Authorization: `Bearer ${await bearer(crm.services)}` });
      if (last !== undefined) headers.set("Last-Event-ID", last);
      const answer = await fetch(url, { headers, ...(signal ? { signal } : {}) });
      if (!answer.ok || answer.body === null) {
        const refused = new Refused(answer.status, problemOf(await answer.json().catch(() => null)));
        if (!PASSING.has(answer.status)) throw refused;
        asked = Number(answer.headers.get("Retry-After") ?? 0) * 1000;
        why = refused;
        failures += 1;
      } else {
        for await (const event of eventsOf(answer.body)) {
          failures = 0;
          if (event.id !== undefined) last = event.id;
          const followed = meaning(event, last ?? "0");
          yield followed;
          if (followed.kind === "erased") return;
        }
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof Refused || error instanceof SyntaxError) throw error;
      why = error;
      failures += 1;
    }
    const pause = Math.min(Math.max(FIRST_PAUSE * 2 ** Math.min(failures, 10), asked), patience);
    onReconnect?.(why, pause);
    await waited(pause, signal);
  }
}

interface Sent {
  event: string;
  data: string;
  id: string | undefined;
}

function meaning(sent: Sent, id: string): Followed {
  if (sent.event === "erased") return { kind: "erased", id };
  const told: unknown = JSON.parse(sent.data);
  return sent.event === "view" ? { kind: "view", id, view: told as CustomerView } : { kind: "event", id, type: sent.event, item: told as TimelineItem };
}

/** The events of a stream by the rules of server-sent events; what was cut off by its end is left out. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Sent, void, void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r\n\r\n|\n\n|\r\r/);
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const sent = read(block);
        if (sent !== undefined) yield sent;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function read(block: string): Sent | undefined {
  const data: string[] = [];
  let event = "message";
  let id: string | undefined;
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === "data") data.push(value ?? "");
    else if (name === "event") event = value ?? event;
    else if (name === "id") id = value;
  }
  return data.length > 0 ? { event, data: data.join("\n"), id } : undefined;
}

function waited(pause: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, pause);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
