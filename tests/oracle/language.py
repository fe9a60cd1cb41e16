#!/usr/bin/env python3
"""Computes the members of the cohorts of tests/e2e/language/project without Muster.

This is an independent check of the whole cohort language. It reads the event files itself (those of the example and those
that the test wrote). Each definition is written by hand, from the meaning in the reference of the language and not from
the YAML. Where Muster has an algorithm, this program tries every choice. Calendars are those of Python's zoneinfo, hashes
those of the xxhash package (tests/requirements.txt).

    language.py PROJECT NOW

prints {"cohort id": [user ids, sorted]} and, last, "": the ids of every known user.
"""

import collections
import datetime
import gzip
import itertools
import json
import math
import pathlib
import re
import sys
import zoneinfo

import xxhash

from shop import DAYS, HOURS, apply, as_list, flat, is_any_of, millis, operations, text

MINUTES = HOURS // 60
FOREVER = -(10**18)
LOS_ANGELES = zoneinfo.ZoneInfo("America/Los_Angeles")
AUCKLAND = zoneinfo.ZoneInfo("Pacific/Auckland")
TOKYO = zoneinfo.ZoneInfo("Asia/Tokyo")
HAVANA = zoneinfo.ZoneInfo("America/Havana")

Event = collections.namedtuple("Event", "time name properties")


# Values


def number(value):
    """Returns the number that ordering operators read: numbers, and texts that are numbers; no flags, no lists."""
    if isinstance(value, bool) or isinstance(value, list) or value is None:
        return None
    if isinstance(value, str) and not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value):
        return None
    return float(value)


def instant(value):
    """Returns the instant that `before` and `after` read: RFC 3339, a date in the cohort's zone, epoch milliseconds in
    the range where they are not seconds or microseconds; no flags, no lists."""
    if isinstance(value, bool) or isinstance(value, list) or value is None:
        return None
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            try:
                start = datetime.datetime.fromisoformat(value).replace(tzinfo=LOS_ANGELES)
            except ValueError:
                return None
            return int(start.timestamp() * 1000)
        if not re.fullmatch(r"[0-9]+", value):
            try:
                return millis(value)
            except ValueError:
                return None
    ms = math.floor(float(value))
    return ms if 10**11 <= abs(ms) <= 10**14 else None


def values(value):
    """Returns the canonical texts of a property: none, one, or those of a list."""
    return set() if value is None else {text(element) for element in as_list(value)}


def folded(value):
    """Folds case: each character by itself, by simple folding (ß does not become ss)."""
    return "".join(char.casefold() if len(char.casefold()) == 1 else char for char in value)


def contains(value, part):
    return any(folded(part) in folded(each) for each in values(value))


def starts_with(value, part):
    return any(folded(each).startswith(folded(part)) for each in values(value))


def ends_with(value, part):
    return any(folded(each).endswith(folded(part)) for each in values(value))


def between(low, value, high):
    return value is not None and low <= value <= high


# Calendars


def day_of(time, zone):
    return datetime.datetime.fromtimestamp(time // 1000, zone).date()


def start_of(date, zone):
    """Returns the first instant of a day."""
    midnight = datetime.datetime(date.year, date.month, date.day, tzinfo=zone)
    return int(midnight.timestamp()) * 1000


def week_of(time, zone):
    date = day_of(time, zone)
    return date - datetime.timedelta(days=date.weekday())


def month_of(time, zone):
    return day_of(time, zone).replace(day=1)


def days_of(now, count, zone):
    """Returns the last days, the current one included."""
    return [day_of(now, zone) - datetime.timedelta(days=back) for back in range(count)]


def weeks_of(now, count, zone):
    return [week_of(now, zone) - datetime.timedelta(weeks=back) for back in range(count)]


def months_of(now, count, zone):
    months = [month_of(now, zone)]
    while len(months) < count:
        months.append((months[-1] - datetime.timedelta(days=1)).replace(day=1))
    return months


# Users


class User:
    def __init__(self):
        self.events = []  # Event, as they arrived
        self.operations = []  # (time, arrival, operator, property, operand)


def lines_of(project):
    for path in sorted((project / "events").glob("*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from lines
    for path in sorted((project / "own").glob("*.ndjson")):
        yield from path.read_text(encoding="utf-8").splitlines()


def read(project):
    users = collections.defaultdict(User)
    seen = set()
    for line in lines_of(project):
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
            user.events.append(Event(time, event["event_type"], flat(event.get("event_properties"))))
        for operator, name, operand in operations(event.get("user_properties")):
            user.operations.append((time, len(user.operations), operator, name, operand))
    return users


class At:
    """One user at one instant."""

    def __init__(self, user_id, user, now):
        self.id = user_id
        self.now = now
        # Events of one instant are in order of name, then of arrival (sorting is stable).
        self.events = sorted((e for e in user.events if e.time <= now), key=lambda e: (e.time, e.name))
        known = sorted(row for row in user.operations if row[0] <= now)
        self.exists = bool(self.events or known)
        self.properties = {}
        # By property: the value from each instant on; of one instant, the last value.
        self.history = collections.defaultdict(dict)
        for time, _, operator, name, operand in known:
            before = dict(self.properties)
            if operator != "$add" or number(operand) is not None:
                apply(self.properties, operator, name, operand)
            for touched in before if operator == "$clearAll" else [name]:
                self.history[touched][time] = self.properties.get(touched)

    def did(self, names, after=FOREVER, until=None, holds=lambda p: True):
        """Returns the events with after < t <= until, of these names."""
        until = self.now if until is None else until
        return [
            e
            for e in self.events
            if (names is None or any(re.fullmatch(name, e.name) for name in names))
            and after < e.time <= until
            and holds(e.properties)
        ]

    def states(self, name):
        """Returns (from, to, value) of each value that a property ever had; the current one has no end."""
        changes = sorted(self.history[name].items())
        ends = [time for time, _ in changes[1:]] + [None]
        return [(time, end, value) for (time, value), end in zip(changes, ends)]

    def ever(self, name, holds, since=FOREVER):
        """Returns true if a value held at any time since an instant, that instant included."""
        return any(holds(value) for _, end, value in self.states(name) if end is None or end > since)

    def held_for(self, name, holds, length):
        """Returns true if the value holds now, and has held without a break for a length of time."""
        states = [(FOREVER, None, None)] + self.states(name)
        since = None
        for start, _, value in states:
            if not holds(value):
                since = None
            elif since is None:
                since = start
        return since is not None and self.now - since >= length

    def first_seen(self):
        return self.events[0].time if self.events else None

    def sampled(self, percent, seed=""):
        mask = 2**64 - 1
        mixed = xxhash.xxh3_64_intdigest(self.id.encode()) ^ xxhash.xxh3_64_intdigest(seed.encode())
        mixed ^= mixed >> 30
        mixed = mixed * 0xBF58476D1CE4E5B9 & mask
        mixed ^= mixed >> 27
        mixed = mixed * 0x94D049BB133111EB & mask
        mixed ^= mixed >> 31
        return mixed < percent / 100 * 2.0**64


def numbers(events, name):
    return [n for n in (number(e.properties.get(name)) for e in events) if n is not None]


def total(events, name):
    result = 0.0
    for value in numbers(events, name):
        result += value
    return result


def carried(events, name):
    return set().union(*(values(e.properties.get(name)) for e in events))


def carrying(events, name, value):
    return [e for e in events if value in values(e.properties.get(name))]


def in_order(events, steps, all_within=None, each_within=None, without=None, fits=None):
    """Returns true if any choice of different events fits; it tries every choice."""

    def go(chosen):
        if len(chosen) == len(steps):
            first, last = chosen[0].time, chosen[-1].time
            clear = not without or not any(first < e.time < last and without(e) for e in events)
            return clear and (fits is None or fits(chosen))
        for event in events:
            if chosen:
                previous = chosen[-1]
                if any(event is other for other in chosen) or event.time < previous.time:
                    continue
                if each_within is not None and event.time - previous.time > each_within:
                    break
                if all_within is not None and event.time - chosen[0].time > all_within:
                    break
            if steps[len(chosen)](event) and go(chosen + [event]):
                return True
        return False

    return go([])


# The cohorts


def funnel(u):
    def dear(e):
        price = number(e.properties.get("price"))
        return e.name == "Add To Cart" and price is not None and price >= 20

    steps = [lambda e: e.name == "View Item", dear, lambda e: e.name == "Purchase"]
    return in_order(u.did(None, u.now - 30 * DAYS), steps, 25 * MINUTES, 20 * MINUTES)


def kept_cart(u):
    def paid(e):
        amount = number(e.properties.get("amount"))
        wanted = "EUR" in values(e.properties.get("currency")) or (amount is not None and amount > 60)
        return re.fullmatch("Pur.*se", e.name) and wanted

    start = start_of(days_of(u.now, 20, LOS_ANGELES)[-1], LOS_ANGELES)
    # An event outside the window takes no step, and does not lie between two events inside.
    events = u.did(None, start - 1)
    put = lambda e: e.name == "Add To Cart"
    return any(
        in_order(carrying(events, "cart_id", cart), [put, put, paid], without=lambda e: e.name == "Coupon Applied")
        for cart in carried(events, "cart_id")
    )


def ties(u):
    events = u.did(None, until=u.now - 3 * DAYS)
    opened = lambda e: e.name == "Open"
    second = lambda e: e.name in ("Open", "Step") and "b" not in values(e.properties.get("key"))
    closed = lambda e: e.name == "Close"
    cancelled = lambda e: e.name in ("Cancel", "Close") and "a" not in values(e.properties.get("key"))
    return any(
        in_order(carrying(events, "key", key), [opened, second, closed], 40 * MINUTES, 30 * MINUTES, cancelled)
        for key in carried(events, "key")
    )


def today(u):
    return len(u.did(None, start_of(day_of(u.now, LOS_ANGELES), LOS_ANGELES) - 1)) >= 2


def weeks_down_under(u):
    start = start_of(weeks_of(u.now, 3, AUCKLAND)[-1], AUCKLAND) - 1
    there = {week_of(e.time, AUCKLAND) for e in u.did(["Login", "App Opened", "Tap"], start)}
    days = {day_of(e.time, AUCKLAND) for e in u.did(None, start)}
    months = {month_of(e.time, AUCKLAND) for e in u.did(None, u.now - 40 * DAYS)}
    return len(there) >= 2 and 3 <= len(days) <= 6 and len(months) == 2


def havana(u):
    names = ["Tap", "Hold", "Swipe"]
    # The 8th of March begins at 01:00, which is 05:00 UTC.
    early = u.did(names, millis("2026-03-08T05:00:00Z") - 1, min(u.now, millis("2026-03-08T06:30:00Z") - 1))
    both = {day_of(e.time, HAVANA) for e in u.did(names)}
    return bool(early) or set(days_of(u.now, 2, HAVANA)) <= both


def months(u):
    bought = u.did(["Purchase"])
    since, until = millis("2026-01-01T08:00:00Z"), millis("2026-02-20T08:00:00Z")
    within = {month_of(e.time, LOS_ANGELES) for e in bought if since <= e.time < until}
    return len(within) >= 2 and any(month_of(e.time, LOS_ANGELES) == month_of(u.now, LOS_ANGELES) for e in bought)


def was_reading(u):
    before = u.did(["Newsletter Opened"], u.now - 30 * DAYS, u.now - 7 * DAYS)
    pushed = u.did(["Push Received"], u.now - 7 * DAYS)
    return bool(before) and not pushed and len(u.did(None, until=u.now - 10 * DAYS)) >= 3


def february(u):
    chosen = u.did(
        ["Add To Cart", "Wishlist Added"],
        millis("2026-02-10T16:00:00Z") - 1,
        min(u.now, millis("2026-02-25T08:00:00Z") - 1),
        lambda p: between(10, number(p.get("price")), 60),
    )
    prices = numbers(chosen, "price")
    return bool(prices) and min(prices) < 25


def quick(u):
    if u.first_seen() is None:
        return False
    return total(u.did(["Purchase"], until=min(u.now, u.first_seen() + 2 * DAYS - 1)), "amount") >= 80


def spending(u):
    two_months = start_of(months_of(u.now, 2, LOS_ANGELES)[-1], LOS_ANGELES)
    lately = u.did(["Booked"], u.now - 10 * DAYS)
    average = numbers(u.did(["Booked"], u.now - 20 * DAYS), "amount")
    old = numbers(u.did(["Booked"], until=u.now - 2 * DAYS), "amount")
    amounts = numbers(u.did(["Booked"]), "amount")
    return (
        total(u.did(["Purchase"], two_months - 1), "amount") > 300
        or (bool(average) and between(20, total(u.did(["Booked"], u.now - 20 * DAYS), "amount") / len(average), 60))
        or (bool(old) and max(old) <= 100 and min(amounts) >= 10 and min(amounts) != 50)
        or (total(lately, "amount") == 0 and len(lately) == 2)
    )


def tastes(u):
    bought = carried(u.did(["Purchase"], u.now - 40 * DAYS), "categories")
    return len(bought) >= 4 or len(carried(u.did(["Tap", "Hold"], u.now - 15 * DAYS), "key")) == 3


def every_day(u):
    days = collections.Counter(day_of(e.time, LOS_ANGELES) for e in u.did(None))
    weeks = collections.Counter(week_of(e.time, LOS_ANGELES) for e in u.did(["View .*", "Tap"]))
    bought = collections.Counter(month_of(e.time, LOS_ANGELES) for e in u.did(["Purchase"]))
    return (
        all(days[day] >= 1 for day in days_of(u.now, 3, LOS_ANGELES))
        or all(2 <= weeks[week] < 5 for week in weeks_of(u.now, 3, LOS_ANGELES))
        or all(bought[month] >= 2 for month in months_of(u.now, 2, LOS_ANGELES))
    )


def is_regular(u, events, every, of_last, at_least, enough):
    counts = [
        sum(1 for e in events if u.now - (span + 1) * every < e.time <= u.now - span * every)
        for span in range(of_last)
    ]
    return sum(1 for count in counts if enough(count)) >= at_least


def regulars(u):
    return is_regular(u, u.did([".*Cart", "Hold"]), 5 * DAYS, 5, 3, lambda count: count >= 2)


def third_purchase(u):
    bought, booked = u.did(["Purchase"]), u.did(["Booked"])
    viewed = u.did(["View Item"])
    lately = [
        carrying(viewed, "category", category)
        for category in carried([e for e in viewed if e.time > u.now - 5 * DAYS], "category")
    ]
    return (
        (len(bought) >= 3 and bought[2].time > u.now - 12 * DAYS)
        or (len(booked) >= 2 and booked[1].time < u.first_seen() + 3 * DAYS)
        or any(len(events) >= 4 and events[3].time > u.now - 5 * DAYS for events in lately)
    )


def first_and_last(u):
    bought = u.did(["Purchase"], u.now - 40 * DAYS)
    taps = u.did(["Tap"], u.now - 25 * DAYS, u.now - 5 * DAYS)
    first_bought = u.did(["Purchase"], millis("2026-01-15T08:00:00Z") - 1)
    first_held = u.did(["Hold"], millis("2026-02-01T08:00:00Z") - 1)

    def dear(p):
        amount = number(p.get("amount"))
        return p.get("coupon") is not None and amount is not None and amount >= 40

    return (
        (bool(bought) and dear(bought[-1].properties))
        or (bool(taps) and is_any_of(taps[-1].properties.get("key"), {"a", "1"}))
    ) and (
        (bool(first_bought) and not is_any_of(first_bought[0].properties.get("currency"), {"JPY"}))
        or (bool(first_held) and not is_any_of(first_held[0].properties.get("key"), {"b"}))
    )


def more_in_than_out(u):
    def dear(p):
        price = number(p.get("price"))
        return price is not None and price > 30

    came = u.did(["Login", "App Opened"], u.now - 30 * DAYS)
    viewed = u.did(["View Item"], u.now - 30 * DAYS, holds=dear)
    taps, holds = (u.did([name], u.now - 12 * DAYS) for name in ("Tap", "Hold"))
    return len(came) > len(viewed) or any(
        2 <= len(carrying(taps, "key", key)) <= len(carrying(holds, "key", key)) for key in carried(taps, "key")
    )


def one_cart(u):
    busy = u.did(["Add To Cart", "Coupon Applied", "Start Checkout"], u.now - 30 * DAYS)
    put = u.did(["Add To Cart"], u.now - 14 * DAYS)
    touched = u.did(["Tap", "Hold"])
    recent = [e for e in touched if e.time > u.now - 12 * DAYS]
    return (
        any(len(carrying(busy, "cart_id", cart)) >= 6 for cart in carried(busy, "cart_id"))
        or any(total(carrying(put, "cart_id", cart), "price") >= 250 for cart in carried(put, "cart_id"))
        or any(
            is_regular(u, carrying(touched, "key", key), 2 * DAYS, 6, 3, lambda count: count == 1)
            for key in carried(recent, "key")
        )
    )


def once_gold(u):
    return (
        (u.ever("plan", lambda v: is_any_of(v, {"team"})) and not is_any_of(u.properties.get("plan"), {"team"}))
        or (u.ever("level", lambda v: is_any_of(v, {"gold"})) and u.ever("renews", lambda v: v is not None))
        or u.ever("referrer", lambda v: v is None)
    )


def lately_there(u):
    four_days = start_of(days_of(u.now, 4, LOS_ANGELES)[-1], LOS_ANGELES)
    return u.ever("city", lambda v: starts_with(v, "san "), u.now - 20 * DAYS) or (
        u.ever("level", lambda v: is_any_of(v, {"silver"}), four_days)
        and u.ever("level", lambda v: not is_any_of(v, {"gold", "silver"}), u.now - 36 * HOURS)
    )


def settled(u):
    def often(value):
        return number(value) is not None and number(value) >= 3

    return (
        u.held_for("plan", lambda v: is_any_of(v, {"plus", "pro"}), 30 * DAYS)
        or (u.held_for("level", lambda v: v is None, 4 * DAYS) and u.ever("level", lambda v: v is not None))
        or u.held_for("visits", often, 12 * HOURS)
    )


def newcomers(u):
    first = u.first_seen()
    if first is None:
        return False
    three_weeks = start_of(weeks_of(u.now, 3, LOS_ANGELES)[-1], LOS_ANGELES)
    return (
        first > u.now - 36 * HOURS
        or millis("2026-01-05T08:00:00Z") <= first < millis("2026-01-06T20:00:00Z")
        or (three_weeks <= first <= u.now - 15 * DAYS and bool(u.did(["Signup"])))
    )


def vip(u):
    return u.id in {"x07", "x11", "x23", "x42", "nobody@shop.example"}


def third(u):
    return u.sampled(12.5, "spring") or (u.sampled(30) and bool(u.did(None, u.now - 2 * DAYS)))


def mixed(u):
    bought = u.did(["Purchase"], start_of(day_of(u.now, TOKYO), TOKYO) - 1)
    return (funnel(u) or today(u) or vip(u) or third(u) or bool(bought)) and not once_gold(u) and not regulars(u)


def texts(u):
    def note(after, holds):
        return u.did(["Note"], after, holds=lambda p: holds(p.get("text")))

    def listed(p):
        query = p.get("query")
        return query is not None and "s" in query and not contains(query, "garden")

    def odd(value):
        return value is not None and not values(value) & {"true", "50"} and not any("a" in v for v in values(value))

    return (
        bool(u.did(["Search"], u.now - 4 * DAYS, holds=lambda p: contains(p.get("query"), "two")))
        or bool(u.did(["Search"], u.now - 2 * DAYS, holds=listed))
        or bool(note(u.now - 5 * DAYS, lambda t: any(re.search(r"\A[A-Z]\w+ \d{2,}\Z", v) for v in values(t))))
        or bool(note(FOREVER, lambda t: starts_with(t, "STRASSE") and ends_with(t, "é")))
        or bool(note(FOREVER, lambda t: ends_with(t, "Σ") and not starts_with(t, "k")))
        or len(note(u.now - 4 * DAYS, odd)) >= 2
    )


def instants(u):
    low, high = millis("2026-02-20T08:00:00Z"), millis("2026-02-22T12:00:00Z")

    def soon(p):
        slot = instant(p.get("slot"))
        return slot is not None and low < slot < high

    def just(p):
        slot = instant(p.get("slot"))
        return slot is not None and u.now - 36 * HOURS < slot <= u.now

    def long_ago(p):
        slot, amount = instant(p.get("slot")), number(p.get("amount"))
        return slot is not None and slot <= u.now - 30 * DAYS and amount is not None and amount > 40

    return (
        len(u.did(["Booked"], holds=soon)) >= 2
        or bool(u.did(["Booked"], u.now - 20 * DAYS, holds=just))
        or bool(u.did(["Booked"], u.now - 12 * DAYS, holds=long_ago))
    )


def renewals(u):
    at = instant(u.properties.get("renews"))

    def later(value):
        return instant(value) is not None and instant(value) > millis("2026-02-20T08:00:00Z")

    return (
        at is not None
        and (u.now - 3 * DAYS < at <= u.now or millis("2026-01-20T08:00:00Z") < at <= u.now - 20 * DAYS)
    ) or u.held_for("renews", later, 10 * DAYS)


def element_between(value, low, high):
    """Returns true if a number, or one element of a list, lies in a range."""
    return value is not None and any(between(low, number(element), high) for element in as_list(value))


def count_of(value):
    return 0 if value is None else len(as_list(value))


def open_carts(u):
    carts = u.did(["Add To Cart"], millis("2026-01-10T08:00:00Z") - 1, u.now - DAYS)

    def bought(cart):
        of_cart = values(cart.properties.get("cart_id"))
        return any(
            cart.time <= e.time <= cart.time + 3 * DAYS and of_cart & values(e.properties.get("cart_id"))
            for e in u.did(["Purchase"])
        )

    return any(not bought(cart) for cart in carts)


def after_taps(u):
    def kept(event):
        others = [e for e in u.events if e is not event]
        tapped = any(
            e.name == "Tap" and "a" in values(e.properties.get("key")) and 0 <= event.time - e.time <= 5 * DAYS
            for e in others
        )
        key = values(event.properties.get("key"))
        followed = any(
            e.name in ("Hold", "Note") and e.time >= event.time and key & values(e.properties.get("key"))
            for e in others
        )
        swiped = any(e.name == "Swipe" and 0 <= event.time - e.time <= 2 * HOURS for e in others)
        return tapped and followed and not swiped

    return sum(1 for e in u.did(["Hold", "Tap"], u.now - 25 * DAYS) if kept(e)) >= 2


def while_gold(u):
    def at(name, time):
        held = [value for start, _, value in u.states(name) if start <= time]
        return held[-1] if held else None

    until = min(u.now, millis("2026-03-01T08:00:00Z") - 1)
    events = u.did(["Tap", "Hold", "Booked"], u.now - 40 * DAYS, until)
    gold = [e for e in events if "gold" in values(at("level", e.time)) and at("renews", e.time) is None]
    return len(gold) >= 2


def in_any_order(u):
    recent = u.did(None, u.now - 20 * DAYS)
    for key in carried(recent, "key"):
        events = carrying(recent, "key", key)
        taps = [e for e in events if e.name == "Tap"]
        holds = [e for e in events if e.name == "Hold"]
        for first, second in itertools.combinations(taps, 2):
            for hold in holds:
                times = [first.time, second.time, hold.time]
                if max(times) - min(times) <= 6 * DAYS:
                    return True
    return False


def strictly(u):
    steps = [lambda e: e.name == "Open", lambda e: e.name in ("Open", "Step"), lambda e: e.name == "Close"]

    def fits(chosen):
        first, last = chosen[0].time, chosen[-1].time
        between_them = [e for e in u.events if first < e.time < last]
        return all(any(e is step for step in chosen) for e in between_them)

    return in_order(u.events, steps, fits=fits)


def between_steps(u):
    steps = [lambda e: e.name == "Open", lambda e: e.name == "Close", lambda e: e.name == "Open"]

    def fits(chosen):
        first, second, third = (step.time for step in chosen)
        return not any(
            (e.name == "Step" and first < e.time < second)
            or (e.name == "Cancel" and second < e.time < third)
            or (e.name == "Note" and first < e.time < third)
            for e in u.events
        )

    return in_order(u.events, steps, fits=fits)


def coming(u):
    renews = instant(u.properties.get("renews"))
    today = start_of(day_of(u.now, LOS_ANGELES), LOS_ANGELES)
    after_tomorrow = start_of(day_of(u.now, LOS_ANGELES) + datetime.timedelta(days=2), LOS_ANGELES)
    three_days = start_of(days_of(u.now, 3, LOS_ANGELES)[-1], LOS_ANGELES)
    two_months = start_of(months_of(u.now, 2, LOS_ANGELES)[-1], LOS_ANGELES)

    def lately(p):
        slot = instant(p.get("slot"))
        return slot is not None and three_days <= slot <= u.now

    def long_ago(p):
        slot = instant(p.get("slot"))
        return slot is not None and slot < two_months

    return (
        (renews is not None and (u.now < renews <= u.now + 4 * DAYS or today <= renews < after_tomorrow))
        or len(u.did(["Booked"], holds=lately)) >= 2
        or bool(u.did(["Booked"], u.now - 6 * DAYS, holds=long_ago))
    )


def elements(u):
    def order(p):
        # Of a list, one element contains the one text, and none the other.
        texts = values(p.get("text"))
        return any("Order" in each for each in texts) and not any("12" in each for each in texts)

    return (
        count_of(u.properties.get("favourites")) >= 3
        or bool(u.did(["Booked"], u.now - 15 * DAYS, holds=lambda p: element_between(p.get("amount"), 15, 24)))
        or bool(u.did(["Note"], u.now - 20 * DAYS, holds=order))
        or len(u.did(["Note"], u.now - 20 * DAYS, holds=lambda p: count_of(p.get("key")) == 2)) >= 2
    )


def favourites(u):
    liked = values(u.properties.get("favourites"))
    taps = u.did(["Tap"], u.now - 25 * DAYS, holds=lambda p: values(p.get("key")) & liked)
    return (
        len(taps) >= 3
        or bool(values(u.properties.get("level")) & liked)
        or values(u.properties.get("tags")) >= {"vip", "press"}
        or (liked >= {"a", "1"} and "c" not in liked)
    )


COHORTS = {
    "every-day": every_day,
    "favourites": favourites,
    "february": february,
    "first-and-last": first_and_last,
    "funnel": funnel,
    "havana": havana,
    "instants": instants,
    "kept-cart": kept_cart,
    "lately-there": lately_there,
    "mixed": mixed,
    "months": months,
    "more-in-than-out": more_in_than_out,
    "newcomers": newcomers,
    "once-gold": once_gold,
    "one-cart": one_cart,
    "open-carts": open_carts,
    "after-taps": after_taps,
    "while-gold": while_gold,
    "in-any-order": in_any_order,
    "strictly": strictly,
    "between-steps": between_steps,
    "coming": coming,
    "elements": elements,
    "quick": quick,
    "regulars": regulars,
    "renewals": renewals,
    "settled": settled,
    "spending": spending,
    "tastes": tastes,
    "texts": texts,
    "third": third,
    "third-purchase": third_purchase,
    "ties": ties,
    "today": today,
    "vip": vip,
    "was-reading": was_reading,
    "weeks-down-under": weeks_down_under,
}


def main():
    project, now = pathlib.Path(sys.argv[1]), millis(sys.argv[2])
    users = [At(user_id, user, now) for user_id, user in read(project).items()]
    users = [user for user in users if user.exists]
    result = {cohort: sorted(u.id for u in users if holds(u)) for cohort, holds in COHORTS.items()}
    result[""] = sorted(u.id for u in users)
    json.dump(result, sys.stdout, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
