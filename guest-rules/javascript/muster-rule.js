// Helps to write rules for Muster in JavaScript: one user at a time, by names.
//
//     import { days, rule } from "./muster-rule.js";
//
//     export const { describe, classify } = rule({
//       cohort: "buyers",
//       user: { city: "text" },
//       events: { purchases: { names: ["Purchase"], inLast: days(30), properties: { amount: "number" } } },
//       member: (user) => user.purchases.inLast(days(7)).atLeast(2),
//     });
//
// Kinds are "text", "texts" (all of a list), "number", "flag" and "instant". What is absent is undefined.
// A property with another name is written `{ kind: "number", name: "total amount" }`.
//
// The instant until which an answer holds is derived: what is read of a window is noted, and the user is
// evaluated again when the answer can change by the clock alone. `user.now` means: again at each run.

export const minutes = (count) => count * 60_000;
export const hours = (count) => count * 3_600_000;
export const days = (count) => count * 86_400_000;

const NEVER = 0x7fff_ffff_ffff_ffffn;

// Returns the exports of the contract for a rule.
export function rule(reads) {
  const properties = (declared = {}) =>
    Object.entries(declared).map(([field, of]) => ({ field, kind: of.kind ?? of, name: of.name ?? field }));
  const user = properties(reads.user);
  const events = Object.entries(reads.events ?? {}).map(([field, of]) => ({
    field,
    names: of.names,
    inLast: of.inLast,
    properties: properties(of.properties),
  }));
  const contract = ({ kind, name }) => ({ name, kind: kind === "texts" ? "text" : kind });

  function describe() {
    return {
      cohorts: [reads.cohort],
      userProperties: user.map(contract),
      propertyHistories: [],
      streams: events.map(({ names, inLast, properties }) => ({
        names,
        properties: properties.map(contract),
        reach: inLast,
      })),
      calendars: [],
      userHashes: false,
      lists: [],
    };
  }

  function classify(batch) {
    const users = batch.users;
    const clock = { now: Number(batch.now), until: Infinity };
    const texts = dictionary(batch.dictionary);
    const view = new User(clock, batch.firstSeen);
    user.forEach(({ field, kind }, index) => {
      const value = reader(batch.userProperties[index], kind, texts);
      Object.defineProperty(view, field, { get: () => value(view.index) });
    });
    events.forEach(({ field, properties }, index) => {
      const { starts, times, columns } = batch.streams[index];
      const event = { row: 0, get time() { return Number(times[this.row]); } };
      properties.forEach(({ field, kind }, column) => {
        const value = reader(columns[column], kind, texts);
        Object.defineProperty(event, field, { get() { return value(this.row); } });
      });
      Object.defineProperty(view, field, {
        get: () => new Events(clock, times, event, starts[view.index], starts[view.index + 1], Infinity, []),
      });
    });
    const members = new BigUint64Array(Math.ceil(users / 64));
    const until = new BigInt64Array(users);
    for (let index = 0; index < users; index++) {
      view.index = index;
      clock.until = Infinity;
      if (reads.member(view)) members[index >> 6] |= 1n << BigInt(index & 63);
      until[index] = clock.until === Infinity ? NEVER : BigInt(Math.max(clock.until, clock.now + 1));
    }
    return { members, until };
  }

  return { describe, classify };
}

// A user of the batch. The properties and streams that the rule declares are added to it.
class User {
  #clock;
  #firstSeen;

  constructor(clock, firstSeen) {
    this.#clock = clock;
    this.#firstSeen = firstSeen;
    this.index = 0;
  }

  // The time of the first event ever, in ms.
  get firstSeen() {
    const time = this.#firstSeen[this.index];
    return time >= 2 ** 63 ? undefined : Number(time);
  }

  // The clock, in ms. The user is then evaluated again at each run.
  get now() {
    this.#clock.until = Math.min(this.#clock.until, this.#clock.now + 1);
    return this.#clock.now;
  }

  // True if an instant, in ms, is now or earlier. The user is evaluated again at that instant.
  passed(instant) {
    if (instant <= this.#clock.now) return true;
    this.#clock.until = Math.min(this.#clock.until, instant);
    return false;
  }
}

// Events of one user by time, none later than now. Windows and filters narrow them.
class Events {
  #clock;
  #times;
  #event;
  #first;
  #end;
  #leave;
  #filters;

  constructor(clock, times, event, first, end, leave, filters) {
    this.#clock = clock;
    this.#times = times;
    this.#event = event;
    this.#first = first;
    this.#end = end;
    this.#leave = leave;
    this.#filters = filters;
  }

  // Keeps the events of the last so many ms.
  inLast(length) {
    const first = this.#later(this.#clock.now - length);
    return this.#narrow(first, this.#end, Math.min(this.#leave, length));
  }

  // Keeps the events that are so many ms old or older. The next one to become so old is noted.
  beforeLast(length) {
    const end = this.#later(this.#clock.now - length);
    if (end < this.#end) this.#note(Number(this.#times[end]) + length);
    return this.#narrow(this.#first, end, this.#leave);
  }

  // Keeps the events at or after an instant, in ms.
  since(instant) {
    return this.#narrow(this.#later(instant - 1), this.#end, this.#leave);
  }

  // Keeps the events for which a function returns true.
  filter(keep) {
    const filters = [...this.#filters, keep];
    return new Events(this.#clock, this.#times, this.#event, this.#first, this.#end, this.#leave, filters);
  }

  // True if there are so many events or more. It reads from the newest one on.
  atLeast(count) {
    if (count <= 0) return true;
    for (let row = this.#end - 1; row >= this.#first; row--) {
      if (this.#keeps(row) && --count === 0) {
        this.#leaves(row);
        return true;
      }
    }
    return false;
  }

  isEmpty() {
    return !this.atLeast(1);
  }

  count() {
    let count = 0;
    for (const _ of this) count++;
    return count;
  }

  // The sum of what a function returns of each event.
  sumOf(number) {
    let sum = 0;
    for (const event of this) sum += number(event) ?? 0;
    return sum;
  }

  first() {
    for (const event of this) return event;
    return undefined;
  }

  last() {
    for (let row = this.#end - 1; row >= this.#first; row--) {
      if (this.#keeps(row)) {
        this.#leaves(row);
        return this.#at(row);
      }
    }
    return undefined;
  }

  *[Symbol.iterator]() {
    for (let row = this.#first; row < this.#end; row++) {
      if (this.#keeps(row)) {
        this.#leaves(row);
        yield this.#at(row);
      }
    }
  }

  #at(row) {
    const event = Object.create(this.#event);
    event.row = row;
    return event;
  }

  // Filters see one event object that moves from row to row.
  #keeps(row) {
    if (this.#filters.length === 0) return true;
    this.#event.row = row;
    return this.#filters.every((keep) => keep(this.#event));
  }

  #leaves(row) {
    if (this.#leave !== Infinity) this.#note(Number(this.#times[row]) + this.#leave);
  }

  #note(instant) {
    if (instant < this.#clock.until) this.#clock.until = instant;
  }

  #narrow(first, end, leave) {
    return new Events(this.#clock, this.#times, this.#event, first, end, leave, this.#filters);
  }

  // Returns the first row later than an instant.
  #later(instant) {
    let low = this.#first;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[middle] <= instant) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

// Returns a function from a code to its text, which is decoded once.
function dictionary({ offsets, bytes }) {
  const known = [undefined];
  const octets = Uint8Array.from(bytes);
  return (code) => (known[code] ??= code === 0 ? undefined : utf8(octets, offsets[code - 1], offsets[code]));
}

function utf8(bytes, start, end) {
  let text = "";
  for (let at = start; at < end; ) {
    const byte = bytes[at++];
    if (byte < 0x80) {
      text += String.fromCharCode(byte);
    } else {
      const more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      let point = byte & (0x3f >> more);
      for (let left = more; left > 0; left--) point = (point << 6) | (bytes[at++] & 0x3f);
      text += String.fromCodePoint(point);
    }
  }
  return text;
}

// Returns a function from a row to its value.
function reader({ tag, val }, kind, texts) {
  const codes = (row) =>
    tag === "texts" ? Array.from(val.codes.slice(val.starts[row], val.starts[row + 1])) : [val[row]];
  switch (kind) {
    case "number":
    case "instant":
      return (row) => (Number.isNaN(val[row]) ? undefined : val[row]);
    case "flag":
      return (row) => (val[row] === 2 ? undefined : val[row] === 1);
    case "texts":
      return (row) => codes(row).filter((code) => code !== 0).map(texts);
    default:
      return (row) => texts(codes(row)[0] ?? 0);
  }
}
