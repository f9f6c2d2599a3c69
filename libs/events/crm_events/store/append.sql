-- Stores a batch of commands, each as a whole or not at all, and tells the outcome of each: accepted, duplicate, reused, conflict, taken, retry.
-- Arrays in: c_ a command each (its first stream and that stream's version, how many events it has), p_ a part each (a stream of a command), e_ an event each,
-- k_ a claim each; every *_cmd is the command's number in c_, and e_ is in the order of the commands. Every statement's cost grows with the batch, none with its
-- square, and none with what is stored: `lateral … limit 1` is a look by key, where a join may be planned as a scan while the tables are small, and stay one.
create or replace function append_group(
  c_id uuid[], c_print bytea[], c_stream uuid[], c_version int[], c_events int[],
  p_cmd int[], p_stream uuid[], p_type text[], p_expected int[], p_version int[], p_customer uuid[], p_rev int[], p_state jsonb[],
  e_cmd int[], e_stream uuid[], e_version int[], e_id uuid[], e_type text[], e_schema smallint[], e_customer uuid[], e_partition smallint[],
  e_occurred timestamptz[], e_payload json[], e_meta json[],
  k_cmd int[], k_scope text[], k_hash bytea[], k_holder uuid[], k_take bool[])
returns table (cmd int, outcome text, first_position bigint, "position" bigint, recorded_at timestamptz, detail jsonb)
language plpgsql volatile as $$
#variable_conflict use_column
declare
  last_position bigint; last_time timestamptz; now_time timestamptz;
  dup int[]; stale int[]; later int[]; taken int[] := '{}'; lost int[];    -- command numbers; `lost` are all those, and usually none
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

  dup := array(select c.cmd::int from unnest(c_id) with ordinality c(id, cmd)
    cross join lateral (select from commands m where m.command_id = c.id limit 1) m);
  later := array(                          -- a guard: the process's own locks keep two commands of a batch off one stream
    select distinct x.cmd from (select p.cmd, min(p.cmd) over (partition by p.stream) as first_cmd
      from unnest(p_cmd, p_stream) p(cmd, stream) where p.cmd <> all(dup)) x where x.cmd > x.first_cmd
    union select y.cmd from (select c.cmd::int as cmd, min(c.cmd) over (partition by c.id) as first_cmd
      from unnest(c_id) with ordinality c(id, cmd)) y where y.cmd > y.first_cmd and y.cmd <> all(dup));
  stale := array(
    select distinct p.cmd from unnest(p_cmd, p_stream, p_expected) p(cmd, stream, expected)
    left join lateral (select version from streams where stream_id = p.stream limit 1) s on true
    where coalesce(s.version, 0) <> p.expected and p.cmd <> all(dup) and p.cmd <> all(later));
  if cardinality(k_cmd) > 0 then
    taken := array(
      select distinct k.cmd from unnest(k_cmd, k_scope, k_hash, k_holder, k_take) k(cmd, scope, hash, holder, take)
      cross join lateral (select holder from claims where scope = k.scope and hash = k.hash limit 1) c
      where k.take and c.holder <> k.holder and k.cmd <> all(dup || later || stale));
    later := later || array(               -- lost a claim to an earlier one of this batch, which may not stand next time: decide again
      select distinct x.cmd from (select k.cmd, min(k.cmd) over (partition by k.scope, k.hash) as first_cmd
        from unnest(k_cmd, k_scope, k_hash) k(cmd, scope, hash) where k.cmd <> all(dup || later || stale || taken)) x where x.cmd > x.first_cmd);
  end if;
  lost := dup || later || stale || taken;

  insert into events
  select last_position + row_number() over (order by e.ord), e.stream, e.version, e.id, e.type, e.schema, e.customer, e.partition,
         e.occurred, now_time, e.payload, e.meta
  from unnest(e_cmd, e_stream, e_version, e_id, e_type, e_schema, e_customer, e_partition, e_occurred, e_payload, e_meta) with ordinality
       e(cmd, stream, version, id, type, schema, customer, partition, occurred, payload, meta, ord)
  where e.cmd <> all(lost);
  get diagnostics wrote = row_count;
  select coalesce(sum(c.events), 0) into meant from unnest(c_events) with ordinality c(events, cmd) where c.cmd <> all(lost);
  if wrote <> meant then raise 'append_group wrote % events of %', wrote, meant; end if;

  insert into streams as s
  select p.stream, p.type, p.version, p.customer, e.position, now_time, p.rev, p.state
  from unnest(p_cmd, p_stream, p_type, p_version, p_customer, p_rev, p_state) p(cmd, stream, type, version, customer, rev, state)
  cross join lateral (select position from events where stream_id = p.stream and version = p.version limit 1) e
  where p.cmd <> all(lost) and p.state is not null
  on conflict (stream_id) do update set version = excluded.version, position = excluded.position, recorded_at = excluded.recorded_at,
    state_rev = excluded.state_rev, state = excluded.state;
  get diagnostics wrote = row_count;
  select count(*) into meant from unnest(p_cmd, p_state) p(cmd, state) where p.cmd <> all(lost) and p.state is not null;
  if wrote <> meant then raise 'append_group wrote % streams of %', wrote, meant; end if;

  if false = any(k_take) then
    delete from claims c using unnest(k_cmd, k_scope, k_hash, k_holder, k_take) k(cmd, scope, hash, holder, take)
      where k.cmd <> all(lost) and not k.take and c.scope = k.scope and c.hash = k.hash and c.holder = k.holder;
  end if;
  if true = any(k_take) then
    insert into claims as c
      select k.scope, k.hash, k.holder from unnest(k_cmd, k_scope, k_hash, k_holder, k_take) k(cmd, scope, hash, holder, take)
      where k.cmd <> all(lost) and k.take
      on conflict (scope, hash) do update set holder = excluded.holder where c.holder = excluded.holder;
    get diagnostics wrote = row_count;
    select count(*) into meant from unnest(k_cmd, k_take) k(cmd, take) where k.cmd <> all(lost) and k.take;
    if wrote <> meant then raise 'append_group took % claims of %', wrote, meant; end if;
  end if;

  insert into commands
  select c.id, c.print, c.stream, c.version, 1 + last_position + sum(c.events) over w - c.events, last_position + sum(c.events) over w, now_time
  from unnest(c_id, c_print, c_stream, c_version, c_events) with ordinality c(id, print, stream, version, events, cmd)
  where c.cmd <> all(lost) window w as (order by c.cmd);

  return query
  select c.cmd::int,
    case when c.cmd = any(dup) then case when m.fingerprint in (c.print, '') then 'duplicate' else 'reused' end
      when c.cmd = any(later) then 'retry' when c.cmd = any(stale) then 'conflict' when c.cmd = any(taken) then 'taken' else 'accepted' end,
    m.first_position, m.position, m.recorded_at,
    case when c.cmd = any(taken) then (select jsonb_build_object('scope', k.scope, 'hash', encode(k.hash, 'hex'), 'holder', h.holder)
      from unnest(k_cmd, k_scope, k_hash, k_holder, k_take) k(cmd, scope, hash, holder, take)
      cross join lateral (select holder from claims where scope = k.scope and hash = k.hash limit 1) h where k.cmd = c.cmd and k.take and h.holder <> k.holder limit 1) end
  from unnest(c_id, c_print) with ordinality c(id, print, cmd)
  left join lateral (select * from commands where command_id = c.id and c.cmd <> all(later || stale || taken) limit 1) m on true order by c.cmd;
end $$;
