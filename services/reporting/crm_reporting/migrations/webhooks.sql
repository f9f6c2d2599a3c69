-- Subscriptions over HTTP. What is owed is a row before the cursor moves past its event, in one transaction: a process that dies owes it still.

create table webhook (
  id uuid primary key,
  version integer not null default 1,
  url text not null,
  description text,
  types text[] not null,                            -- 'ticket.resolved', 'ticket.*', '*'
  likes text[] not null,                            -- the same as patterns of LIKE
  sources text[] not null default '{}',             -- none = all
  customer_ids uuid[] not null default '{}',        -- none = all
  state text not null default 'enabled' check (state in ('enabled', 'disabled')),
  reason text,                                      -- why it is disabled
  trouble text,                                     -- why nothing is sent although it is enabled
  cursor bigint not null,                           -- events up to this journal id are in webhook_delivery, as far as they match
  failures integer not null default 0,              -- attempts since the last that was answered well
  failing_since timestamptz,
  quiet_until timestamptz,                          -- a receiver that fails is left alone until then
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp()
);

create table webhook_secret (                       -- what messages are signed with, sealed under the master key; two while one is being replaced
  id uuid primary key,
  webhook uuid not null references webhook on delete cascade,
  sealed bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  retires_at timestamptz
);
create index webhook_secret_webhook on webhook_secret (webhook);

create table webhook_delivery (                     -- one event for one subscription; ended ones are kept as the log, for a time
  id bigint generated always as identity primary key,
  webhook uuid not null references webhook on delete cascade,
  journal_id bigint not null,
  event_id uuid not null,
  type text not null,
  customer_id uuid not null,                        -- the key: one customer's deliveries go in the order of their ids
  state text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed', 'withheld', 'replaced')),
  reason text,
  attempts integer not null default 0,
  due_at timestamptz not null default clock_timestamp(),
  asked_by text,                                    -- who had it delivered again
  created_at timestamptz not null default clock_timestamp(),
  first_tried_at timestamptz,
  ended_at timestamptz
);
create index webhook_delivery_waiting on webhook_delivery (webhook, customer_id, id) where state = 'waiting';
create index webhook_delivery_log on webhook_delivery (webhook, id);
create index webhook_delivery_ended on webhook_delivery (ended_at) where ended_at is not null;

create table webhook_attempt (
  delivery bigint not null references webhook_delivery on delete cascade,
  n integer not null,
  at timestamptz not null default clock_timestamp(),
  outcome text not null,
  status integer,
  seconds real not null,
  primary key (delivery, n)
);
