// Does the TypeScript client carry a front-end through its day? Register, ask, buy, read one's own writes, and follow a customer live across a cut connection.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer, connect as dial, type AddressInfo, type Socket } from "node:net";
import { answered, connect, contacts, follow, loyalty, Refused, reporting, tickets, tokenOf, type Followed } from "crm-client";

const { CONTACTS_URL = "", TICKETS_URL = "", LOYALTY_URL = "", REPORTING_URL = "", TOKEN = "" } = process.env;
const services = { contacts: CONTACTS_URL, tickets: TICKETS_URL, loyalty: LOYALTY_URL, reporting: REPORTING_URL, token: (): string => TOKEN };
const crm = connect(services);
const once = (): { "Idempotency-Key": string } => ({ "Idempotency-Key": randomUUID() });

/** What is between a page and reporting: passes on what comes, until the cable is pulled. */
class Cable {
  readonly heard: string[] = [];
  private readonly sockets = new Set<Socket>();
  private pulled = false;
  private readonly server = createServer((near) => {
    if (this.pulled) return void near.destroy();
    const far = dial(Number(new URL(REPORTING_URL).port), new URL(REPORTING_URL).hostname);
    for (const [one, other] of [[near, far], [far, near]] as const) {
      this.sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
    near.on("data", (bytes: Buffer) => this.heard.push(bytes.toString("latin1")));
  });

  async plugged(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  pull(): void {
    this.pulled = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.pulled = false;
  }

  close(): void {
    this.pull();
    this.server.close();
  }
}

// Register, ask, buy.
const { data: maryam, response: registered } = await answered(
  contacts.registerContact({ client: crm.contacts, headers: once(), body: { kind: "person", name: "مریم رضایی", language: "fa" } }),
);
const her = { customer_id: maryam.id };
const { data: ticket, response: opened } = await answered(
  tickets.openTicket({
    client: crm.tickets,
    headers: once(),
    body: { ...her, kind: "complaint", channel: "web", subject: "چای دیر رسید", text: "هنوز نرسیده", priority: "high" },
  }),
);
const programme = `node-${randomUUID().slice(0, 8)}`;
await answered(
  loyalty.publishProgramme({
    client: crm.loyalty,
    path: { name: programme },
    body: {
      currency: "EUR",
      earning: [{ id: "base", basis: "line", points_per: { points: 1, amount: 100 } }],
      pending_days: 0,
      expiry: { months: null },
      tiers: [],
      point_value: { points: 10, amount: 5 },
      valid_from: "2020-01-01T00:00:00Z",
    },
  }),
);
const { data: member } = await answered(loyalty.enrolMember({ client: crm.loyalty, headers: once(), body: { ...her, programme } }));
const buy = async (): Promise<Response> => {
  const line = { sku: "GT-100", category: "green-tea", quantity: 2, list_price: 1500, paid_price: 1200 };
  const { data, response } = await answered(
    loyalty.recordTransaction({
      client: crm.loyalty,
      headers: once(),
      path: { member_id: member.id },
      body: { document: `A-${randomUUID().slice(0, 8)}`, channel: "web", lines: [line] },
    }),
  );
  assert.equal(data.points, 24);
  return response;
};
const bought = await buy();

// A refusal is typed, and says what to do.
const path = { ticket_id: ticket.id };
const tooEarly = answered(tickets.resolveTicket({ client: crm.tickets, headers: once(), path, body: { resolution: "ارسال شد" } }));
await assert.rejects(tooEarly, (error) => error instanceof Refused && error.kind === "rejected" && error.problem["rule"] === "reply-first");

// Read one's own writes.
const view = async (...writes: Response[]): Promise<reporting.CustomerView> => {
  const headers = { "Consistency-Token": writes.map(tokenOf).join(","), Prefer: "wait=10" };
  const { data, response } = await answered(reporting.getCustomer({ client: crm.reporting, path: her, headers }));
  assert.equal(response.headers.get("View-State"), "current");
  return data;
};
const known = await view(registered, opened, bought);
assert.equal(known.profile?.name, "مریم رضایی");
assert.equal(known.service?.open, 1);
assert.equal(known.loyalty?.available, 24);

// Follow her live; pull the cable; nothing is missed and nothing comes twice.
const cable = new Cable();
const desk = connect({ ...services, reporting: await cable.plugged() });
const ending = new AbortController();
const seen: Followed[] = [];
let reconnects = 0;
let look = (): void => undefined;
const watching = (async (): Promise<void> => {
  for await (const each of follow(desk, maryam.id, { signal: ending.signal, patience: 1000, onReconnect: () => (reconnects += 1) })) {
    seen.push(each);
    look();
  }
})();
const until = async (what: string, met: () => boolean): Promise<void> => {
  if (met()) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`never ${what}: ${types().join(" ")}`)), 60_000);
    look = (): void => {
      if (met()) {
        clearTimeout(timer);
        resolve();
      }
    };
  });
};
const types = (): string[] => seen.map((each) => (each.kind === "event" ? each.type : each.kind));
const ends = (type: string): boolean => types().includes(type) && seen.at(-1)?.kind === "view";

await until("a first view", () => seen.length > 0);
assert.equal(seen[0]?.kind, "view");
const reply = { author: { kind: "agent", id: "agent-7" }, channel: "web", text: "ببخشید، امروز می‌رسد" } as const;
await answered(tickets.addMessage({ client: crm.tickets, headers: once(), path, body: reply }));
await until("the answer", () => ends("ticket.message_added"));
const before = seen.at(-1)?.id;

cable.pull();
const { response: resolved } = await answered(
  tickets.resolveTicket({ client: crm.tickets, headers: once(), path, body: { resolution: "رسید", agent_id: "agent-7" } }),
);
const again = await buy();
const meanwhile = await view(resolved, again);
assert.equal(meanwhile.loyalty?.available, 48);
const length = seen.length;
cable.mend();
await until("what was missed", () => ends("ticket.resolved") && seen.slice(length).some((each) => each.kind === "event" && each.type === "points.earned"));

const resumed = cable.heard.join("").match(/last-event-id: *(\d+)/gi)?.map((each) => each.replace(/\D/g, ""));
assert.ok(reconnects >= 1);
assert.equal(resumed?.[0], before, "the stream goes on after the last event seen");
const events = seen.flatMap((each) => (each.kind === "event" ? [each] : []));
const ids = events.map((each) => Number(each.id));
assert.deepEqual(ids, [...new Set(ids)].sort((one, other) => one - other), "each once, in order");
const { data: timeline } = await answered(reporting.getTimeline({ client: crm.reporting, path: her, query: { limit: 200 } }));
const told = new Set(events.map((each) => each.item.event_id));
const first = events[0]?.item;
const since = timeline.items.filter((each) => first !== undefined && each.recorded_at >= first.recorded_at);
assert.deepEqual(new Set(since.map((each) => each.event_id)), told, "no gap");
const last = seen.at(-1);
assert.ok(last?.kind === "view" && last.view.service?.open === 0 && last.view.loyalty?.available === 48);

ending.abort();
await watching;
cable.close();

// Whom nobody knows is refused, not asked for again and again.
const stranger = follow(crm, randomUUID());
await assert.rejects(stranger.next(), (error) => error instanceof Refused && error.status === 404);
console.log(JSON.stringify({ reconnects, events: types().filter((type) => type !== "view") }));
