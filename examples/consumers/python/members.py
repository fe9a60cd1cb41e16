"""The rule of a consumer: per cohort and user, the message with the latest `computed_time` holds.

`apply` works in any order, and a message that comes again changes nothing, because no two messages about one cohort and
user have the same `computed_time`. An exit is kept too: an older entry may still arrive.
"""

import json
import sqlite3


class Members:
    """The members of all cohorts, in a file of SQLite, with how far the stream has been read."""

    def __init__(self, path):
        self.database = sqlite3.connect(path)
        with self.database:
            self.database.execute(
                "CREATE TABLE IF NOT EXISTS users (cohort TEXT, user TEXT, second INTEGER, in_cohort INTEGER,"
                " properties TEXT, PRIMARY KEY (cohort, user))"
            )
            self.database.execute("CREATE TABLE IF NOT EXISTS positions (shard TEXT PRIMARY KEY, sequence TEXT)")

    def apply(self, message):
        """Applies a message. The caller commits."""
        self.database.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?) ON CONFLICT (cohort, user) DO UPDATE SET"
            " second = excluded.second, in_cohort = excluded.in_cohort, properties = excluded.properties"
            " WHERE excluded.second > users.second",
            [
                (
                    message["cohort_id"],
                    user["user_id"],
                    int(message["computed_time"]),
                    message["in_cohort"],
                    json.dumps(user.get("user_properties", {})),
                )
                for user in message["users"]
            ],
        )

    def read_to(self, shard, sequence):
        """Notes how far a shard has been read. The caller commits, together with the messages."""
        self.database.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (shard, sequence))

    def position(self, shard):
        row = self.database.execute("SELECT sequence FROM positions WHERE shard = ?", (shard,)).fetchone()
        return row and row[0]

    def all(self):
        """Returns the members of each cohort."""
        members = {}
        for cohort, user, in_cohort in self.database.execute(
            "SELECT cohort, user, in_cohort FROM users ORDER BY cohort, user"
        ):
            users = members.setdefault(cohort, [])
            if in_cohort:
                users.append(user)
        return members
