#include "muster_rule.h"

#include <stdlib.h>
#include <string.h>

#include "rule.h"

struct muster_user {
  const rule_batch_t *batch;
  size_t index;
  int64_t *until;
};

static void note(const muster_user *user, int64_t instant) {
  if (instant < *user->until) *user->until = instant;
}

static int64_t plus(int64_t instant, int64_t length) {
  int64_t sum;
  return __builtin_add_overflow(instant, length, &sum) ? INT64_MAX : sum;
}

static const muster_cohort_types_event_rows_t *rows(muster_events events) {
  return &events.user->batch->streams.ptr[events.stream];
}

muster_events muster_events_of(const muster_user *user, size_t stream) {
  const uint32_t *starts = user->batch->streams.ptr[stream].starts.ptr;
  muster_events events = {user, stream, starts[user->index], starts[user->index + 1], INT64_MAX};
  return events;
}

// The first row later than an instant.
static size_t later(muster_events events, int64_t instant) {
  const int64_t *times = rows(events)->times.ptr;
  size_t low = events.first, high = events.end;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (times[middle] <= instant) low = middle + 1;
    else high = middle;
  }
  return low;
}

muster_events muster_in_last(muster_events events, int64_t length) {
  events.first = later(events, events.user->batch->now - length);
  if (length < events.leave) events.leave = length;
  return events;
}

muster_events muster_before_last(muster_events events, int64_t length) {
  size_t end = later(events, events.user->batch->now - length);
  // The next event to become so old.
  if (end < events.end) note(events.user, plus(rows(events)->times.ptr[end], length));
  events.end = end;
  return events;
}

static void note_row(muster_events events, size_t row) {
  if (events.leave != INT64_MAX) note(events.user, plus(rows(events)->times.ptr[row], events.leave));
}

size_t muster_count(muster_events events) {
  if (events.first < events.end) note_row(events, events.first);
  return events.end - events.first;
}

bool muster_is_empty(muster_events events) {
  if (events.first >= events.end) return true;
  note_row(events, events.end - 1);
  return false;
}

bool muster_at_least(muster_events events, size_t count, bool (*keep)(muster_events event)) {
  if (count == 0) return true;
  for (size_t row = events.end; row-- > events.first;) {
    muster_events event = events;
    event.first = row;
    event.end = row + 1;
    if (keep(event) && --count == 0) {
      note_row(events, row);
      return true;
    }
  }
  return false;
}

int64_t muster_time(muster_events event) { return rows(event)->times.ptr[event.first]; }

static double number_at(const muster_cohort_types_column_t *column, size_t row) {
  return column->val.number.ptr[row];
}

static int64_t instant_at(const muster_cohort_types_column_t *column, size_t row) {
  double number = number_at(column, row);
  return isnan(number) ? INT64_MIN : (int64_t)number;
}

static muster_text text_at(const rule_batch_t *batch, const muster_cohort_types_column_t *column,
                           size_t row) {
  uint32_t code;
  if (column->tag == MUSTER_COHORT_TYPES_COLUMN_TEXT) {
    code = column->val.text.ptr[row];
  } else {
    const uint32_t *starts = column->val.texts.starts.ptr;
    code = starts[row] < starts[row + 1] ? column->val.texts.codes.ptr[starts[row]] : 0;
  }
  if (code == 0) {
    muster_text none = {"", 0};
    return none;
  }
  const uint32_t *offsets = batch->dictionary.offsets.ptr;
  muster_text text = {(const char *)batch->dictionary.bytes.ptr + offsets[code - 1],
                      offsets[code] - offsets[code - 1]};
  return text;
}

static const muster_cohort_types_column_t *event_column(muster_events event, size_t property) {
  return &rows(event)->columns.ptr[property];
}

double muster_event_number(muster_events event, size_t property) {
  return number_at(event_column(event, property), event.first);
}

int muster_event_flag(muster_events event, size_t property) {
  return event_column(event, property)->val.flag.ptr[event.first];
}

int64_t muster_event_instant(muster_events event, size_t property) {
  return instant_at(event_column(event, property), event.first);
}

muster_text muster_event_text(muster_events event, size_t property) {
  return text_at(event.user->batch, event_column(event, property), event.first);
}

static const muster_cohort_types_column_t *user_column(const muster_user *user, size_t property) {
  return &user->batch->user_properties.ptr[property];
}

double muster_number(const muster_user *user, size_t property) {
  return number_at(user_column(user, property), user->index);
}

int muster_flag(const muster_user *user, size_t property) {
  return user_column(user, property)->val.flag.ptr[user->index];
}

int64_t muster_instant(const muster_user *user, size_t property) {
  return instant_at(user_column(user, property), user->index);
}

muster_text muster_text_of(const muster_user *user, size_t property) {
  return text_at(user->batch, user_column(user, property), user->index);
}

bool muster_is(muster_text text, const char *other) {
  return text.length == strlen(other) && memcmp(text.bytes, other, text.length) == 0;
}

bool muster_passed(const muster_user *user, int64_t instant) {
  if (instant <= user->batch->now) return true;
  note(user, instant);
  return false;
}

int64_t muster_now(const muster_user *user) {
  note(user, user->batch->now + 1);
  return user->batch->now;
}

int64_t muster_first_seen(const muster_user *user) {
  return user->batch->first_seen.ptr[user->index];
}

// What follows implements the contract.

static void *zeroed(size_t count, size_t size) {
  void *memory = count ? calloc(count, size) : NULL;
  if (count && !memory) abort();
  return memory;
}

static muster_cohort_types_list_property_t properties(const muster_property *declared) {
  muster_cohort_types_list_property_t list = {NULL, 0};
  while (list.len < MUSTER_MOST && declared[list.len].name) list.len++;
  list.ptr = zeroed(list.len, sizeof *list.ptr);
  for (size_t i = 0; i < list.len; i++) {
    rule_string_dup(&list.ptr[i].name, declared[i].name);
    list.ptr[i].kind = (muster_cohort_types_kind_t)declared[i].kind;
  }
  return list;
}

void exports_rule_describe(rule_description_t *description) {
  memset(description, 0, sizeof *description);
  const muster_reads *reads = &muster_rule_reads;
  description->cohorts.len = 1;
  description->cohorts.ptr = zeroed(1, sizeof *description->cohorts.ptr);
  rule_string_dup(&description->cohorts.ptr[0], reads->cohort);
  description->user_properties = properties(reads->user);
  size_t count = 0;
  while (count < MUSTER_MOST && reads->streams[count].names[0]) count++;
  description->streams.len = count;
  description->streams.ptr = zeroed(count, sizeof *description->streams.ptr);
  for (size_t i = 0; i < count; i++) {
    const muster_stream *declared = &reads->streams[i];
    muster_cohort_types_stream_reads_t *stream = &description->streams.ptr[i];
    while (stream->names.len < MUSTER_MOST && declared->names[stream->names.len]) stream->names.len++;
    stream->names.ptr = zeroed(stream->names.len, sizeof *stream->names.ptr);
    for (size_t name = 0; name < stream->names.len; name++) {
      rule_string_dup(&stream->names.ptr[name], declared->names[name]);
    }
    stream->properties = properties(declared->properties);
    stream->reach.is_some = declared->in_last > 0;
    stream->reach.val = (uint64_t)declared->in_last;
  }
}

bool exports_rule_classify(rule_batch_t *batch, rule_verdicts_t *verdicts, rule_string_t *error) {
  (void)error;
  size_t users = batch->users;
  verdicts->members.len = (users + 63) / 64;
  verdicts->members.ptr = zeroed(verdicts->members.len, sizeof(uint64_t));
  verdicts->until.len = users;
  verdicts->until.ptr = zeroed(users, sizeof(int64_t));
  for (size_t index = 0; index < users; index++) {
    int64_t until = INT64_MAX;
    muster_user user = {batch, index, &until};
    if (muster_rule_member(&user)) verdicts->members.ptr[index / 64] |= UINT64_C(1) << (index % 64);
    verdicts->until.ptr[index] = until > batch->now ? until : batch->now + 1;
  }
  return true;
}
