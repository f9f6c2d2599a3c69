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

create function append_group(
  c_id uuid[], c_print bytea[],
  p_cmd int[], p_stream uuid[], p_type text[], p_expected int[], p_version int[], p_customer uuid[], p_rev int[], p_state jsonb[],
  e_cmd int[], e_stream uuid[], e_version int[], e_id uuid[], e_type text[], e_schema smallint[], e_customer uuid[], e_partition smallint[],
  e_occurred timestamptz[], e_payload json[], e_meta json[],
  k_cmd int[], k_scope text[], k_hash bytea[], k_holder uuid[], k_take bool[])
returns table (cmd int, outcome text, first_position bigint, "position" bigint, recorded_at timestamptz, detail jsonb)
language plpgsql volatile as $$
#variable_conflict use_column
declare
  last_position bigint; last_time timestamptz; now_time timestamptz;
  dup int[]; stale int[]; later int[]; taken int[]; won int[];
  wrote bigint; meant bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise 'append_group needs read committed: another isolation reads versions as they were before the lock';
  end if;
  perform pg_advisory_xact_lock(7001);     -- a statement of its own: everything below sees what the previous holder committed
  if (select timeline from store) <> substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) then
    raise 'this database was restored or failed over: its lost tail must be taken back before writes open' using errcode = 'CRM01';
  end if;
  select e.position, e.recorded_at into last_position, last_time from events e order by e.position desc limit 1;
  last_position := coalesce(last_position, 0);
  now_time := greatest(date_trunc('milliseconds', clock_timestamp()), last_time);   -- milliseconds: what is shown is what is compared

  dup := array(select c.cmd::int from unnest(c_id) with ordinality c(id, cmd) join commands m on m.command_id = c.id);
  later := array(                          -- a guard: the process's own locks keep two commands of a batch off one stream
    select distinct x.cmd from (select p.cmd, min(p.cmd) over (partition by p.stream) as first_cmd
      from unnest(p_cmd, p_stream) p(cmd, stream) where p.cmd <> all(dup)) x where x.cmd > x.first_cmd
    union select y.cmd from (select c.cmd::int as cmd, min(c.cmd) over (partition by c.id) as first_cmd
      from unnest(c_id) with ordinality c(id, cmd)) y where y.cmd > y.first_cmd and y.cmd <> all(dup));
  stale := array(
    select distinct p.cmd from unnest(p_cmd, p_stream, p_expected) p(cmd, stream, expected) left join streams s on s.stream_id = p.stream
    where coalesce(s.version, 0) <> p.expected and p.cmd <> all(dup) and p.cmd <> all(later));
  taken := array(
    select distinct k.cmd from unnest(k_cmd, k_scope, k_hash, k_holder, k_take) k(cmd, scope, hash, holder, take)
    join claims c on c.scope = k.scope and c.hash = k.hash
    where k.take and c.holder <> k.holder and k.cmd <> all(dup || later || stale));
  later := later || array(                 -- lost a claim to an earlier one of this batch, which may not stand next time: decide again
    select distinct x.cmd from (select k.cmd, min(k.cmd) over (partition by k.scope, k.hash) as first_cmd
      from unnest(k_cmd, k_scope, k_hash) k(cmd, scope, hash) where k.cmd <> all(dup || later || stale || taken)) x where x.cmd > x.first_cmd);
  won := array(select c.cmd::int from unnest(c_id) with ordinality c(id, cmd) where c.cmd <> all(dup || later || stale || taken));

  insert into events
  select last_position + row_number() over (order by e.cmd, e.ord), e.stream, e.version, e.id, e.type, e.schema, e.customer, e.partition,
         e.occurred, now_time, e.payload, e.meta
  from unnest(e_cmd, e_stream, e_version, e_id, e_type, e_schema, e_customer, e_partition, e_occurred, e_payload, e_meta) with ordinality
       e(cmd, stream, version, id, type, schema, customer, partition, occurred, payload, meta, ord)
  where e.cmd = any(won);
  get diagnostics wrote = row_count;
  select count(*) into meant from unnest(e_cmd) e(cmd) where e.cmd = any(won);
  if wrote <> meant then raise 'append_group wrote % events of %', wrote, meant; end if;

  insert into streams as s
  select p.stream, p.type, p.version, p.customer, e.position, now_time, p.rev, p.state
  from unnest(p_cmd, p_stream, p_type, p_version, p_customer, p_rev, p_state) p(cmd, stream, type, version, customer, rev, state)
  join events e on e.stream_id = p.stream and e.version = p.version
  where p.cmd = any(won) and p.state is not null order by p.stream
  on conflict (stream_id) do update set version = excluded.version, position = excluded.position, recorded_at = excluded.recorded_at,
    state_rev = excluded.state_rev, state = excluded.state;
  get diagnostics wrote = row_count;
  select count(*) into meant from unnest(p_cmd, p_state) p(cmd, state) where p.cmd = any(won) and p.state is not null;
  if wrote <> meant then raise 'append_group wrote % streams of %', wrote, meant; end if;

  if cardinality(k_cmd) > 0 then
    delete from claims c using unnest(k_cmd, k_scope, k_hash, k_holder, k_take) k(cmd, scope, hash, holder, take)
      where k.cmd = any(won) and not k.take and c.scope = k.scope and c.hash = k.hash and c.holder = k.holder;
    insert into claims as c
      select k.scope, k.hash, k.holder from unnest(k_cmd, k_scope, k_hash, k_holder, k_take) k(cmd, scope, hash, holder, take)
      where k.cmd = any(won) and k.take
      on conflict (scope, hash) do update set holder = excluded.holder where c.holder = excluded.holder;
    get diagnostics wrote = row_count;
    select count(*) into meant from unnest(k_cmd, k_take) k(cmd, take) where k.cmd = any(won) and k.take;
    if wrote <> meant then raise 'append_group took % claims of %', wrote, meant; end if;
  end if;

  insert into commands
  select c.id, c.print, p.stream, p.version, f.first_position, f.first_position + f.events - 1, now_time
  from unnest(c_id, c_print) with ordinality c(id, print, cmd)
  join lateral (select q.stream, q.version from unnest(p_cmd, p_stream, p_version) with ordinality q(cmd, stream, version, ord)
    where q.cmd = c.cmd order by q.ord limit 1) p on true
  join lateral (select last_position + 1 + count(*) filter (where e.cmd < c.cmd) as first_position, count(*) filter (where e.cmd = c.cmd) as events
    from unnest(e_cmd) e(cmd) where e.cmd = any(won)) f on true
  where c.cmd = any(won);

  return query
  select c.cmd::int,
    case when c.cmd = any(dup) then case when m.fingerprint = c.print then 'duplicate' else 'reused' end
      when c.cmd = any(later) then 'retry' when c.cmd = any(stale) then 'conflict' when c.cmd = any(taken) then 'taken' else 'accepted' end,
    m.first_position, m.position, m.recorded_at,
    case when c.cmd = any(taken) then (select jsonb_build_object('scope', k.scope, 'hash', encode(k.hash, 'hex'), 'holder', h.holder)
      from unnest(k_cmd, k_scope, k_hash, k_holder, k_take) k(cmd, scope, hash, holder, take)
      join claims h on h.scope = k.scope and h.hash = k.hash where k.cmd = c.cmd and k.take and h.holder <> k.holder limit 1) end
  from unnest(c_id, c_print) with ordinality c(id, print, cmd)
  left join commands m on m.command_id = c.id and (c.cmd = any(dup) or c.cmd = any(won)) order by c.cmd;
end $$;
