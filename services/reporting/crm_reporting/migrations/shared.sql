-- What every build shares: the journal, the inputs of figures, who was erased, and what is owed to the composer, the index and the feed.

create table journal (                              -- every event as received; `id` is gapless and in commit order (advisory lock 7002)
  id bigint primary key,
  source text not null,
  partition smallint not null,
  position bigint not null,                         -- in the source's store, gapless there
  event_id uuid not null,
  type text not null,
  schema_version smallint not null,
  customer_id uuid not null,                        -- the key: the stream itself where the event is about no customer
  subject uuid,                                     -- the customer; null = about no customer
  stream_id uuid not null,
  version integer not null,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null,
  applied_at timestamptz not null default clock_timestamp(),
  command_id uuid,
  actor text not null,
  correlation_id text,
  causation_id uuid,
  traceparent text,
  payload json not null,
  unique (source, position)
);
create index journal_customer on journal (customer_id, source, position);

create table reference_input (                      -- one version of one input: policy, calendar, programme, cost rate, target
  source text not null,
  position bigint not null,
  event_id uuid not null,
  stream_id uuid not null,
  kind text not null,                               -- the event type's first word: sla_policy, calendar, programme, cost_rate, target
  name text not null,
  version integer not null,
  valid_from timestamptz not null,
  valid_to timestamptz,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null,
  value jsonb not null,
  primary key (source, position)
);
create index reference_input_name on reference_input (kind, name, version);

create table builds (                               -- one schema a build; reads use the active one of their own definition
  build text primary key,
  definition text not null,
  state text not null check (state in ('building', 'ready', 'active', 'draining', 'retired', 'refused')),
  target bigint not null default 0,                 -- folded by ranges up to this journal id
  followed bigint not null default 0,               -- and followed up to this one (unused while active)
  created_at timestamptz not null default clock_timestamp(),
  ready_at timestamptz,
  switched_at timestamptz,
  compared json,                                    -- the last comparison with the active build
  reason text
);
create unique index builds_one_active on builds ((true)) where state = 'active';

create table rebuild_range (                        -- progress of a rebuild, a row per range of customer ids; a range done stays done over a restart
  build text not null references builds on delete cascade,
  n integer not null,
  low uuid not null,
  high uuid,                                        -- null: to the end
  documents bigint,
  facts bigint,
  done_at timestamptz,
  primary key (build, n)
);

create table dropped (                              -- events an operator took out of every fold, with the reason
  source text not null,
  position bigint not null,
  event_id uuid not null,
  customer_id uuid not null,
  reason text not null,
  dropped_by text not null,
  dropped_at timestamptz not null default clock_timestamp(),
  primary key (source, position)
);
create index dropped_customer on dropped (customer_id);

create table requests (                             -- what the composer must look at though no event says so: a drain, a sweep, a switch
  id bigint generated always as identity primary key,
  customer_id uuid not null,
  cause text not null,
  asked_at timestamptz not null default clock_timestamp()
);

create table feed (                                 -- the last version of each canonical customer that the change feed owes or has told
  customer_id uuid primary key,
  version bigint not null,
  digest bytea,                                     -- null: merged away or erased, a tombstone
  changed_at timestamptz not null default clock_timestamp(),
  pending boolean not null
) with (fillfactor = 70);
create index feed_pending on feed (changed_at) where pending;

create table erased (
  customer_id uuid primary key,
  event_id uuid not null,
  requested_at timestamptz not null,
  noted_at timestamptz not null default clock_timestamp()
);

create table to_index (                             -- events whose identifiers or names must be entered in `terms` by a process that holds keys
  source text not null,
  position bigint not null,
  customer_id uuid not null,
  primary key (source, position)
);
create index to_index_customer on to_index (customer_id);

create table terms (                                -- blind index: keyed HMACs of identifiers, name words and their prefixes
  hash bytea not null,
  customer_id uuid not null,
  field text not null,                              -- 'name', or 'identifier:<identifier id>'
  occurred_at timestamptz not null,
  position bigint not null,
  primary key (hash, customer_id, field)
);
create index terms_customer on terms (customer_id, field);

create table access (                               -- who read which view of whom, when
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  customer_id uuid not null,
  operation text not null,
  request_id text,
  opened boolean not null default false             -- personal fields were shown in clear
);
create index access_customer on access (customer_id, at);

create table reconciliation (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  equal boolean not null,
  report json not null
);
