"""Runs DuckDB on the same data, as a child of the bench: a command a line, an answer (JSON) a line.

`load CSV USERS_CSV DIR`: writes DIR/events.parquet in the order of the CSV, and a table of DuckDB that is sorted for the
queries.
`parquet QUERY NOW` | `table QUERY NOW`: runs `r1` or `r2` and answers its CPU time in seconds and the number of members.
`json FILE DIR`: reads newline-delimited JSON into a table of a new database file.
"""

import json
import os
import sys
import time

import duckdb

# One scan with groups is the fastest form of this query.
R1 = """
with counts as (
  select user_id,
    count(*) filter (where name = 'Purchase' and amount >= 50 and time > {now} - 2592000000) as bought,
    count(*) filter (where name = 'Refund' and time > {now} - 604800000) as refunded
  from {events}
  where name in ('Purchase', 'Refund') and time > {now} - 2592000000 and time <= {now}
  group by user_id)
select count(*) from counts join {users} using (user_id)
where bought >= 3 and refunded = 0 and city = 'Seattle'
"""

# Joins the latest view before each cart, and the latest such cart before each purchase: each join is one pass.
R2 = """
with carts as (
  select c.user_id, c.time, v.time as start
  from (select user_id, time from {events} where name = 'Event 2' and time <= {now}) c
  asof join (select user_id, time from {events} where name = 'Event 1') v on c.user_id = v.user_id and c.time >= v.time),
purchases as (
  select p.user_id, p.time - carts.start as took
  from (select user_id, time from {events} where name = 'Purchase' and time <= {now}) p
  asof join carts on p.user_id = carts.user_id and p.time >= carts.time)
select count(distinct user_id) from purchases where took <= 86400000
"""

QUERIES = {"r1": R1, "r2": R2}

connection = None
directory = None


def answer(value):
    print(json.dumps(value), flush=True)


for line in sys.stdin:
    command, *arguments = line.split()
    if command == "load":
        events, users, directory = arguments
        connection = duckdb.connect(os.path.join(directory, "duck.db"))
        connection.execute("set threads = 2")
        columns = "{'user_id': 'VARCHAR', 'name': 'VARCHAR', 'time': 'BIGINT', 'amount': 'DOUBLE'}"
        connection.execute(
            f"copy (select * from read_csv('{events}', columns = {columns}, header = false)) "
            f"to '{directory}/events.parquet' (format parquet, compression zstd)"
        )
        connection.execute(
            f"copy (select * from read_csv('{users}', columns = {{'user_id': 'VARCHAR', 'city': 'VARCHAR'}}, header = false)) "
            f"to '{directory}/users.parquet' (format parquet, compression zstd)"
        )
        connection.execute(f"create table events as from '{directory}/events.parquet' order by name, user_id, time")
        connection.execute(f"create table users as from '{directory}/users.parquet'")
        size = sum(os.path.getsize(os.path.join(directory, name)) for name in ("events.parquet", "users.parquet"))
        answer({"parquet_bytes": size, "version": duckdb.__version__})
    elif command in ("parquet", "table"):
        query, now = arguments
        names = {
            "events": f"'{directory}/events.parquet'" if command == "parquet" else "events",
            "users": f"'{directory}/users.parquet'" if command == "parquet" else "users",
            "now": now,
        }
        began, wall = time.process_time(), time.perf_counter()
        members = connection.execute(QUERIES[query].format(**names)).fetchone()[0]
        answer({"cpu": time.process_time() - began, "wall": time.perf_counter() - wall, "members": members})
    elif command == "json":
        file, target = arguments
        path = os.path.join(target, "json.db")
        if os.path.exists(path):
            os.remove(path)
        began, wall = time.process_time(), time.perf_counter()
        import_connection = duckdb.connect(path)
        import_connection.execute("set threads = 2")
        import_connection.execute(
            f"create table events as select * from read_json('{file}', format = 'newline_delimited')"
        )
        import_connection.execute("checkpoint")
        rows = import_connection.execute("select count(*) from events").fetchone()[0]
        import_connection.close()
        answer({"cpu": time.process_time() - began, "wall": time.perf_counter() - wall, "rows": rows})
