#!/usr/bin/env python3
"""Computes the members of the cohorts of examples/shop without Muster.

This is an independent check for the end-to-end test: plain Python, standard library only, no code of the product. It reads
the event files itself. The six definitions are written by hand, from the meaning in the reference of the cohort language
and not from the YAML. So a mistake in parser, compiler, store or engine cannot be in both.

    shop.py [--events DIR] [--now 2026-03-01T00:00:00Z] [--cohort ID] [--properties]

prints {"cohort id": [user ids, sorted]}; with --properties {"user id": {property: value}} of every known user at that instant.
"""

import argparse
import collections
import datetime
import gzip
import json
import pathlib
import sys

HOURS = 3_600_000
DAYS = 24 * HOURS
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def millis(text):
    """Parses an instant to whole ms; no zone means UTC."""
    instant = datetime.datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=datetime.timezone.utc)
    return (instant - EPOCH) // datetime.timedelta(milliseconds=1)


def flat(properties, prefix=""):
    """Flattens properties: nested objects become dotted names; null and empty lists are absent."""
    result = {}
    for key, value in (properties or {}).items():
        if isinstance(value, dict):
            result.update(flat(value, f"{prefix}{key}."))
        elif isinstance(value, list):
            value = [element for element in value if element is not None]
            if value:
                result[prefix + key] = value
        elif value is not None:
            result[prefix + key] = value
    return result


OPERATORS = {"$set", "$setOnce", "$add", "$append", "$prepend", "$unset", "$preInsert", "$postInsert", "$remove", "$clearAll"}


def operations(user_properties):
    """Yields (operator, property, operand) in the order written; a plain key is a $set."""
    for key, value in (user_properties or {}).items():
        if key == "$clearAll":
            yield key, None, None
        elif key in OPERATORS:
            for name, operand in flat(value).items():
                yield key, name, operand
        else:
            for name, operand in flat({key: value}).items():
                yield "$set", name, operand


def as_list(value):
    return value if isinstance(value, list) else [value]


def apply(state, operator, name, operand):
    """Applies one identify operation, as the vendor documents it."""
    held = state.get(name)
    present = [] if held is None else as_list(held)
    known = {text(value) for value in present}
    if operator == "$clearAll":
        state.clear()
        return
    if operator == "$set":
        state[name] = operand
    elif operator == "$setOnce":
        state.setdefault(name, operand)
    elif operator == "$unset":
        state.pop(name, None)
    elif operator == "$add":
        state[name] = (number(held) or 0) + number(operand)
    elif operator == "$append":
        state[name] = present + as_list(operand)
    elif operator == "$prepend":
        state[name] = as_list(operand) + present
    elif operator == "$postInsert":
        state[name] = present + [value for value in as_list(operand) if text(value) not in known]
    elif operator == "$preInsert":
        state[name] = [value for value in as_list(operand) if text(value) not in known] + present
    elif operator == "$remove":
        gone = {text(value) for value in as_list(operand)}
        left = [value for value in present if text(value) not in gone]
        if left:
            state[name] = left
        else:
            state.pop(name, None)


def text(value):
    """Returns the canonical text: 50.0 is 50, true is true."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number(value):
    """Returns the number that ordering operators read: numbers, and texts that are numbers."""
    if isinstance(value, bool) or isinstance(value, list) or value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return None


def is_any_of(value, wanted):
    return value is not None and any(text(element) in wanted for element in as_list(value))


class User:
    def __init__(self):
        self.events = []  # (time, name, properties)
        self.operations = []  # (time, arrival, operator, property, operand)


def read(directory):
    """Returns all users with their events and operations; each event once."""
    users = collections.defaultdict(User)
    seen = set()
    arrival = 0
    for path in sorted(pathlib.Path(directory).glob("*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                event = json.loads(line)
                if not event.get("user_id"):
                    continue
                time = millis(event["event_time"])
                key = (event["user_id"], event["event_type"], time, event["$insert_id"])
                if key in seen:
                    continue
                seen.add(key)
                user = users[event["user_id"]]
                if event["event_type"] != "$identify":
                    user.events.append((time, event["event_type"], flat(event["event_properties"])))
                for operator, name, operand in operations(event["user_properties"]):
                    arrival += 1
                    user.operations.append((time, arrival, operator, name, operand))
    return users


class At:
    """One user at one instant."""

    def __init__(self, user, now):
        self.now = now
        self.events = [event for event in user.events if event[0] <= now]
        self.properties = {}
        known = sorted((row for row in user.operations if row[0] <= now), key=lambda row: row[:2])
        for _, _, operator, name, operand in known:
            apply(self.properties, operator, name, operand)
        self.exists = bool(self.events or known)

    def count(self, names, within=None, holds=lambda properties: True):
        """Counts events of these names with now - within < t <= now whose properties hold."""
        return sum(
            1
            for time, name, properties in self.events
            if name in names and (within is None or self.now - within < time) and holds(properties)
        )


def big_spenders(user):
    def large(p):
        amount = number(p.get("amount"))
        return amount is not None and amount >= 50

    return (
        user.count({"Purchase"}, 30 * DAYS, large) >= 3
        and user.count({"Refund"}, 7 * DAYS) == 0
        and is_any_of(user.properties.get("city"), {"Seattle"})
    )


def abandoned_carts(user):
    def worth_it(p):
        price = number(p.get("price"))
        return price is not None and price >= 20

    decided = [time for time, name, _ in user.events if name in {"Purchase", "Remove From Cart"}]
    carts = [time for time, name, properties in user.events if name == "Add To Cart" and worth_it(properties)]
    return any(user.now - 3 * DAYS < time and not any(time <= later for later in decided) for time in carts)


def lapsed_buyers(user):
    return (
        user.count({"Purchase"}) >= 2
        and user.count({"Purchase"}, 21 * DAYS) == 0
        and not is_any_of(user.properties.get("plan"), {"team"})
        and is_any_of(user.properties.get("email_verified"), {"true"})
    )


def readers(user):
    def fits(p):
        amount = number(p.get("amount"))
        return (
            is_any_of(p.get("categories"), {"books", "music"})
            and is_any_of(p.get("currency"), {"USD", "EUR"})
            and amount is not None
            and 10 <= amount <= 200
        )

    def express(p):
        return is_any_of(p.get("shipping.method"), {"express"})

    visits = number(user.properties.get("visits"))
    referrer = user.properties.get("referrer")
    return user.count({"Purchase"}, 42 * DAYS, fits) >= 1 and (
        (visits is not None and visits > 2)
        or 1 <= user.count({"Purchase"}, None, express) < 5
        or (referrer is not None and not is_any_of(referrer, {"ads"}))
    )


def newsletter_only(user):
    return (
        2 <= user.count({"Newsletter Opened", "Push Received"}, 30 * DAYS) <= 30
        and user.count({"Purchase"}, 30 * DAYS) == 0
        and is_any_of(user.properties.get("email_verified"), {"true"})
    )


def needs_a_call(user):
    def large(p):
        amount = number(p.get("amount"))
        return amount is not None and amount > 60

    def urgent(p):
        return not is_any_of(p.get("priority"), {"low"}) and not is_any_of(p.get("topic"), {"account"})

    trouble = (
        user.count({"Refund"}, 14 * DAYS, large) >= 1
        or user.count({"Support Ticket"}, 30 * DAYS, urgent) >= 2
        or (user.count({"Payment Failed"}, 72 * HOURS) >= 1 and user.count({"Purchase"}, 72 * HOURS) == 0)
    )
    return trouble and not is_any_of(user.properties.get("tags"), {"do_not_call"})


COHORTS = {
    "gs72ns": big_spenders,
    "abandoned-carts": abandoned_carts,
    "lapsed-buyers": lapsed_buyers,
    "readers": readers,
    "newsletter-only": newsletter_only,
    "needs-a-call": needs_a_call,
}


def main():
    here = pathlib.Path(__file__).resolve()
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", default=here.parents[2] / "examples/shop/events", help="folder of *.json.gz")
    arguments.add_argument("--now", default="2026-03-01T00:00:00Z", help="the clock")
    arguments.add_argument("--cohort", choices=COHORTS, help="only this one")
    arguments.add_argument("--properties", action="store_true", help="user properties instead of members")
    arguments = arguments.parse_args()

    now = millis(arguments.now)
    seen = {user_id: At(user, now) for user_id, user in read(arguments.events).items()}
    seen = {user_id: user for user_id, user in seen.items() if user.exists}
    if arguments.properties:
        result = {user_id: user.properties for user_id, user in seen.items()}
    else:
        chosen = [arguments.cohort] if arguments.cohort else COHORTS
        result = {cohort: sorted(u for u, user in seen.items() if COHORTS[cohort](user)) for cohort in chosen}
    json.dump(result, sys.stdout, ensure_ascii=False, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
