-- The event store of one service. One row of `events` is one business fact, for ever: the roles that run services may not change or delete it.
create table store (
  only_row bool primary key default true check (only_row),
  timeline text not null                                          -- of the cluster when writes were opened; differs after a restore or failover
);
insert into store (timeline) values (substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8));

create table streams (                                            -- optimistic lock, snapshot and the service's own read model in one row
  stream_id uuid primary key,
  type text not null,
  version int not null check (version > 0),
  customer_id uuid not null,                                      -- the key of all its events; the stream's own id where they are about no customer
  position bigint not null,                                       -- of its last event
  recorded_at timestamptz not null,                               -- of its last event
  state_rev int not null,                                         -- the fold that made `state`; another revision refolds it from the events
  state jsonb not null,
  due_at bigint generated always as ((state ->> 'due_at')::bigint) stored   -- microseconds: a timestamptz cast is not immutable
) with (fillfactor = 70);
create index streams_due on streams (due_at) where due_at is not null;
create index streams_customer on streams (customer_id, type);
create index streams_revision on streams (type, state_rev);

create table events (
  position bigint not null unique,                                -- gapless, in commit order
  stream_id uuid not null,
  version int not null,
  event_id uuid not null unique,
  type text not null,
  schema_version smallint not null,
  customer_id uuid not null,
  partition smallint not null,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null,                               -- monotone in position
  payload json not null check (octet_length(payload::text) <= 262144),      -- json keeps the text as written; jsonb would change bytes
  metadata json not null,
  primary key (stream_id, version)
);

create table commands (
  command_id uuid primary key,
  fingerprint bytea not null,
  stream_id uuid not null,                                        -- the command's first stream
  version int not null,
  first_position bigint not null,                                 -- its events are first_position … position; position = first_position - 1 where it had none
  position bigint not null,
  recorded_at timestamptz not null
);
create index commands_age on commands (recorded_at);

create table claims (                                             -- what must be unique, as keyed hashes
  scope text not null,
  hash bytea not null,
  holder uuid not null,
  primary key (scope, hash)
);
create index claims_holder on claims (holder);
create index claims_hash on claims (hash);                        -- a word of a name is looked up under every contact's scope

create table leases (name text primary key, owner text, epoch bigint not null default 0, until timestamptz not null default '-infinity');

create table relay (
  source text primary key,
  owner text,
  epoch bigint not null default 0,
  until timestamptz not null default '-infinity',
  position bigint not null default 0,
  last bigint[] not null default array_fill(0::bigint, array[12]) -- the last position sent to each partition
);
create table relay_mark (position bigint primary key, last bigint[] not null);
