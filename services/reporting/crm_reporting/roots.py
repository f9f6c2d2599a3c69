"""Whom do customer ids count as, at a moment? SQL for every figure over sets of customers: `root(customer_id, root)`, of merged ids only."""

# After `with recursive`; $1 = the moment (what had happened by then), $2 = what was recorded by then. 15 ms at 10,000 merges, chains to depth 14.
# An edge in force is the last merge of an id that was not taken back; a circle (edges live on different partitions) counts as its least id.
ROOTS_AT = """
edge as (
    select distinct on (customer_id) customer_id, survivor_id from {build}.merge m
    where state = 'merged' and occurred_at <= $1 and recorded_at <= $2 and not exists (
        select from {build}.merge u where u.merge_id = m.merge_id and u.customer_id = m.customer_id and u.state = 'unmerged' and u.occurred_at <= $1
        and u.recorded_at <= $2)
    order by customer_id, occurred_at desc, position desc),
climb(customer_id, id, path) as (
    select customer_id, survivor_id, array[customer_id, survivor_id] from edge
    union all
    select c.customer_id, e.survivor_id, c.path || e.survivor_id from climb c join edge e on e.customer_id = c.id
    where not c.id = any(c.path[: cardinality(c.path) - 1]) and cardinality(c.path) < 100),
root as (
    select distinct on (customer_id) customer_id,
        (select min(x::text)::uuid from unnest(path[array_position(path, id) :]) x) as root  -- one id, or those of a circle
    from climb order by customer_id, cardinality(path) desc)"""
