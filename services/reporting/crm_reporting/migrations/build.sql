-- One build: documents, facts, summaries and marks, in a schema of its own (the search path names it). Changing this file is a new definition.

create table document (                             -- the fold of one customer's events of one source
  customer_id uuid not null,
  source text not null,
  doc json not null,                                -- canonical JSON: sorted keys, no spaces
  digest bytea not null,                            -- of that text
  upto bigint not null,                             -- position of the last event in it
  recorded_at timestamptz not null,                 -- of that event
  merged_into uuid,                                 -- contacts only: the edge up
  primary key (customer_id, source)
) with (fillfactor = 70);
create index document_merged_into on document (merged_into) where merged_into is not null;

create table parked (                               -- customers whose fold failed: their documents wait, their events and facts do not
  source text not null,
  customer_id uuid not null,
  reason text not null,
  event_id uuid not null,
  type text not null,
  position bigint not null,
  since timestamptz not null default clock_timestamp(),
  attempts integer not null default 1,
  primary key (source, customer_id)
);

create table member (                               -- the root of every customer id that is not its own
  customer_id uuid primary key,
  root uuid not null
);
create index member_root on member (root);

create table composer (cursor bigint not null, composed_at timestamptz not null default clock_timestamp());

create table summary (                              -- one row a canonical customer, to list, filter and sort by
  customer_id uuid primary key,
  member_ids uuid[] not null,
  kind text,
  type text,
  owner_id text,
  tier text,
  available bigint not null,
  open_tickets integer not null,
  sla_state text,                                   -- the worst of the open tickets' clocks: breached, running, paused; null = none
  breach_at timestamptz,                            -- the next moment a running clock is due: sla_state at a later time follows from it
  interactions integer not null,
  last_contact_at timestamptz,
  purchases integer not null,
  spend bigint,                                     -- in spend_currency, the currency most is spent in
  spend_currency text,
  first_purchase_at timestamptz,
  last_purchase_at timestamptz,
  first_seen_at timestamptz,
  erased boolean not null,
  changed_at timestamptz not null default clock_timestamp(),
  digest bytea not null,                            -- of the view; the version told to subscribers is in `feed`
  view json not null                                -- the view's sections, personal fields sealed, figures that move with the clock left out
) with (fillfactor = 70);
create index summary_spend on summary (spend desc nulls last, customer_id);
create index summary_open on summary (open_tickets, customer_id) where open_tickets > 0;
create index summary_tier on summary (tier, customer_id) where tier is not null;

-- Facts: rows that are a function of their one event, keyed by it.

create table merge (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  merge_id uuid not null, survivor_id uuid not null, state text not null, cause text, rule text, rule_version text,
  primary key (source, position, n)
);
create index merge_customer on merge (customer_id);
create index merge_survivor on merge (survivor_id);

create table relationship (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  relationship_id uuid not null, kind text not null, other_id uuid not null, state text not null,
  primary key (source, position, n)
);
create index relationship_customer on relationship (customer_id);
create index relationship_other on relationship (other_id);

create table interaction (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  interaction_id uuid not null, conversation_id uuid not null, channel text not null, direction text not null, kind text, purpose text, agent_id text,
  duration_seconds bigint, outcome text, sentiment text,
  primary key (source, position, n)
);
create index interaction_customer on interaction (customer_id);

create table declaration (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  kind text not null, subject text not null, need_id uuid, weight integer, brand text, competitor text, rank integer, "of" integer,
  amount bigint, currency text, period_days integer,
  primary key (source, position, n)
);

create table rating (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  kind text not null, dimension text, score integer not null, scale_min integer not null, scale_max integer not null, subject_id uuid not null,
  revision integer not null, agent_id text, "group" text, channel text, category text,
  primary key (source, position, n)
);
create index rating_subject on rating (subject_id, kind, revision);

create table ticket_step (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  ticket_id uuid not null, step text not null, kind text, channel text, priority text, category text, product text, status text, previous text,
  agent_id text, "group" text, cause text, root_cause text, upheld boolean, attempt integer, revision integer, agent_replies integer,
  elapsed_seconds bigint, business_seconds bigint, resolution_seconds bigint, resolution_business_seconds bigint,
  requester_wait_seconds bigint, requester_wait_business_seconds bigint, agent_work_seconds bigint, agent_work_business_seconds bigint,
  primary key (source, position, n)
);
create index ticket_step_ticket on ticket_step (ticket_id, step);

create table message (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  ticket_id uuid not null, message_id uuid not null, author_kind text not null, author_id text, visibility text not null, channel text not null,
  answers_message_id uuid, waited_seconds bigint, waited_business_seconds bigint, asks text[],
  primary key (source, position, n)
);
create index message_ticket on message (ticket_id);
create index message_customer on message (customer_id);

create table verdict (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  kind text not null, subject_id uuid not null, instance integer not null, revision integer not null, kept boolean not null, due_at timestamptz,
  target_minutes integer, business_seconds bigint, policy text, policy_version integer, calendar text, calendar_version integer,
  priority text, agent_id text, "group" text, entitlement_id uuid,
  primary key (source, position, n)
);
create index verdict_subject on verdict (subject_id, kind, instance, revision);

create table transaction_line (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  transaction_id uuid not null, member_id uuid not null, kind text not null, return_id uuid, line integer not null, document text, channel text not null,
  outlet text, seller_id text, delivery text, sku text not null, category text not null, brand text, quantity bigint not null,
  list_amount bigint not null, paid_amount bigint not null, cost_amount bigint, currency text not null, discount_reason text,
  primary key (source, position, n)
);
create index transaction_line_customer on transaction_line (customer_id);

create table lot_movement (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  member_id uuid not null, programme text, programme_version integer, lot_id uuid, from_account text not null, to_account text not null, points bigint not null,
  earned_at timestamptz, expires_at timestamptz, rule text, reason text, transaction_id uuid, redemption_id uuid, amount bigint, currency text,
  other_member_id uuid,
  primary key (source, position, n)
);

create table stage_entry (
  source text not null, position bigint not null, n smallint not null, partition smallint not null, event_id uuid not null,
  customer_id uuid not null, occurred_at timestamptz not null, recorded_at timestamptz not null,
  funnel text not null, subject_id uuid not null, stage text not null, previous_stage text, previous_since timestamptz, parent_id uuid,
  segment text, "group" text, channel text, agent_id text, origin text, need text, reason text, competitor text, other_id uuid,
  amount bigint, currency text, valid_from timestamptz, valid_to timestamptz,
  primary key (source, position, n)
);

-- A purchase is a paid transaction; a return lowers revenue and never undoes it.
create view purchase as
  select transaction_id, member_id, customer_id, event_id, source, occurred_at, recorded_at, currency,
         sum(list_amount)::bigint as list_amount, sum(paid_amount)::bigint as paid_amount
  from transaction_line where kind = 'sale'
  group by transaction_id, member_id, customer_id, event_id, source, occurred_at, recorded_at, currency having sum(paid_amount) > 0;
