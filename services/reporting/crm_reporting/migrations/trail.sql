-- Who did what to the read model, when, why, and what came of it. Rows are added, never changed: a trigger refuses.

create table operation_trail (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  operation text not null,                          -- look, retry, drop, pause, resume, rebuild, reconcile
  outcome text not null,
  source text,
  customer_id uuid,
  subject text,                                     -- the event dropped, the build begun
  reason text,                                      -- in the operator's words
  request_id text
);
create index operation_trail_customer on operation_trail (customer_id, id) where customer_id is not null;

create function operation_trail_is_kept() returns trigger language plpgsql as $$
begin
  raise exception 'operation_trail is only added to' using errcode = 'insufficient_privilege';
end $$;
create trigger operation_trail_is_kept before update or delete or truncate on operation_trail for each statement execute function operation_trail_is_kept();

create table paused (                               -- sources the projector leaves alone until they are resumed
  source text primary key,
  reason text not null,
  paused_by text not null,
  paused_at timestamptz not null default clock_timestamp()
);
