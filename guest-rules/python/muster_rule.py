"""Helps to write rules for Muster in Python: one user at a time, by names.

    from muster_rule import days, events, rule

    @rule("buyers", user={"city": "text"},
          events={"purchases": events("Purchase", in_last=days(30), amount="number")})
    def member(user):
        return user.purchases.in_last(days(7)).at_least(2)

    WitWorld = member

Kinds are "text", "texts" (all of a list), "number", "flag" and "instant"; what is absent is None. A
property with another name is written as a pair: `amount=("number", "total amount")`.

The instant until which an answer holds is derived: what is read of a window is noted, and the user is
evaluated again when the answer can change by the clock alone. `user.now` means: again at each run.
"""

from bisect import bisect_left, bisect_right

import wit_world
from wit_world.imports import types

NEVER = 2**63 - 1


def minutes(count):
    return count * 60_000


def hours(count):
    return count * 3_600_000


def days(count):
    return count * 86_400_000


class events:
    """A stream: the names of events, how far back they are needed, and their properties."""

    def __init__(self, *names, in_last=None, **properties):
        self.names = list(names)
        self.in_last = in_last
        self.properties = _properties(properties)


def _properties(declared):
    return [(field, *((of, field) if isinstance(of, str) else of)) for field, of in declared.items()]


_KINDS = {
    "text": types.Kind.TEXT,
    "texts": types.Kind.TEXT,
    "number": types.Kind.NUMBER,
    "flag": types.Kind.FLAG,
    "instant": types.Kind.INSTANT,
}


def rule(cohort, user=None, events=None):
    """Makes the class of the contract of a function that says whether a user is a member."""
    user = _properties(user or {})
    events = events or {}

    def contract(properties):
        return [types.Property(name, _KINDS[kind]) for _, kind, name in properties]

    def make(member):
        class WitWorld(wit_world.WitWorld):
            def describe(self):
                streams = [types.StreamReads(of.names, contract(of.properties), of.in_last) for of in events.values()]
                return types.Description([cohort], contract(user), [], streams, [], False, [])

            def classify(self, batch):
                return _classify(batch, user, events, member)

        return WitWorld

    return make


def _classify(batch, user, events, member):
    clock = _Clock(batch.now)
    texts = _texts(batch.dictionary)
    fields = {"__slots__": ()}
    for (field, kind, _), column in zip(user, batch.user_properties):
        value = _reader(column, kind, texts)
        fields[field] = property(lambda self, value=value: value(self.index))
    for (field, of), rows in zip(events.items(), batch.streams):
        event = {"__slots__": ()}
        for (name, kind, _), column in zip(of.properties, rows.columns):
            value = _reader(column, kind, texts)
            event[name] = property(lambda self, value=value: value(self.row))
        times, starts = rows.times, rows.starts
        event["time"] = property(lambda self, times=times: times[self.row])
        make = type("Event", (_Event,), event)

        def of_user(self, make=make, times=times, starts=starts):
            return Events(clock, times, make, starts[self.index], starts[self.index + 1])

        fields[field] = property(of_user)
    view = type("User", (User,), fields)(clock, batch.first_seen)
    members = [0] * ((batch.users + 63) // 64)
    until = []
    for index in range(batch.users):
        view.index = index
        clock.until = NEVER
        if member(view):
            members[index >> 6] |= 1 << (index & 63)
        until.append(max(clock.until, clock.now + 1))
    return types.Verdicts(members, until)


class _Clock:
    __slots__ = ("now", "until")

    def __init__(self, now):
        self.now = now
        self.until = NEVER

    def note(self, instant):
        if instant < self.until:
            self.until = instant


class _Event:
    __slots__ = ("row",)

    def __init__(self, row):
        self.row = row


class User:
    """A user of the batch. The properties and streams that the rule declares are added to it."""

    __slots__ = ("_clock", "_first_seen", "index")

    def __init__(self, clock, first_seen):
        self._clock = clock
        self._first_seen = first_seen
        self.index = 0

    @property
    def first_seen(self):
        """The time of the first event ever, in ms."""
        time = self._first_seen[self.index]
        return None if time == NEVER else time

    @property
    def now(self):
        """The clock, in ms. The user is then evaluated again at each run."""
        self._clock.note(self._clock.now + 1)
        return self._clock.now

    def passed(self, instant):
        """True if an instant, in ms, is now or earlier. The user is evaluated again at that instant."""
        if instant <= self._clock.now:
            return True
        self._clock.note(instant)
        return False


class Events:
    """Events of one user by time, none later than now. Windows and filters narrow them."""

    __slots__ = ("_clock", "_times", "_make", "_first", "_end", "_leave", "_filters")

    def __init__(self, clock, times, make, first, end, leave=NEVER, filters=()):
        self._clock, self._times, self._make = clock, times, make
        self._first, self._end, self._leave, self._filters = first, end, leave, filters

    def _narrow(self, first, end, leave):
        return Events(self._clock, self._times, self._make, first, end, leave, self._filters)

    def in_last(self, length):
        """Keeps the events of the last so many ms."""
        first = bisect_right(self._times, self._clock.now - length, self._first, self._end)
        return self._narrow(first, self._end, min(self._leave, length))

    def before_last(self, length):
        """Keeps the events that are so many ms old or older. The next to become so old is noted."""
        end = bisect_right(self._times, self._clock.now - length, self._first, self._end)
        if end < self._end:
            self._clock.note(self._times[end] + length)
        return self._narrow(self._first, end, self._leave)

    def since(self, instant):
        """Keeps the events at or after an instant, in ms."""
        first = bisect_left(self._times, instant, self._first, self._end)
        return self._narrow(first, self._end, self._leave)

    def filter(self, keep):
        """Keeps the events for which a function returns true."""
        filters = (*self._filters, keep)
        return Events(self._clock, self._times, self._make, self._first, self._end, self._leave, filters)

    def at_least(self, count):
        """True if there are so many events or more. It reads from the newest one on."""
        if count <= 0:
            return True
        for row in range(self._end - 1, self._first - 1, -1):
            if self._keeps(self._make(row)):
                count -= 1
                if count == 0:
                    self._note(row)
                    return True
        return False

    def is_empty(self):
        return not self.at_least(1)

    def count(self):
        return sum(1 for _ in self)

    def sum_of(self, number):
        """The sum of what a function returns of each event."""
        return sum(number(event) or 0 for event in self)

    def first(self):
        return next(iter(self), None)

    def last(self):
        return next(reversed(self), None)

    def __iter__(self):
        return self._read(range(self._first, self._end))

    def __reversed__(self):
        return self._read(range(self._end - 1, self._first - 1, -1))

    def _read(self, rows):
        for row in rows:
            event = self._make(row)
            if self._keeps(event):
                self._note(row)
                yield event

    def _keeps(self, event):
        for keep in self._filters:
            if not keep(event):
                return False
        return True

    def _note(self, row):
        if self._leave != NEVER:
            self._clock.note(self._times[row] + self._leave)


def _texts(dictionary):
    known = {0: None}
    offsets, octets = dictionary.offsets, bytes(dictionary.bytes)

    def text(code):
        if code not in known:
            known[code] = octets[offsets[code - 1] : offsets[code]].decode()
        return known[code]

    return text


def _reader(column, kind, texts):
    """Returns a function from a row to its value."""
    values = column.value
    lists = isinstance(column, types.Column_Texts)
    if kind == "flag":
        return lambda row: (False, True, None)[values[row]]
    if kind in ("number", "instant"):
        return lambda row: None if values[row] != values[row] else values[row]

    def codes(row):
        return values.codes[values.starts[row] : values.starts[row + 1]] if lists else (values[row],)

    if kind == "texts":
        return lambda row: [texts(code) for code in codes(row) if code]
    return lambda row: texts(next(iter(codes(row)), 0))
