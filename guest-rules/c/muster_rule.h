// Helps to write rules for Muster in C: one user at a time, by names.
//
// A rule names what it reads with enumerations, fills `muster_rule_reads`, and defines
// `muster_rule_member`. See big_spenders.c. Nothing is copied: views point into the batch.
//
// The instant until which an answer holds is derived: what is read of a window is noted, and the user
// is evaluated again when the answer can change by the clock alone.
#ifndef MUSTER_RULE_H
#define MUSTER_RULE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Lengths of time, in ms.
#define MUSTER_MINUTES(count) ((int64_t)(count) * 60000)
#define MUSTER_HOURS(count) ((int64_t)(count) * 3600000)
#define MUSTER_DAYS(count) ((int64_t)(count) * 86400000)

// The most streams, properties of a list, and names of a stream that a rule may declare.
#define MUSTER_MOST 16

typedef enum { MUSTER_TEXT, MUSTER_NUMBER, MUSTER_FLAG, MUSTER_INSTANT } muster_kind;

// A property: its name and how its values come.
typedef struct {
  const char *name;
  muster_kind kind;
} muster_property;

// A stream of events: their names (`*` stands for any characters), how far back they are needed (0:
// all), and their properties.
typedef struct {
  const char *names[MUSTER_MOST];
  int64_t in_last;
  muster_property properties[MUSTER_MOST];
} muster_stream;

// What a rule reads: the rule defines it. Unused places stay empty.
typedef struct {
  const char *cohort;
  muster_property user[MUSTER_MOST];
  muster_stream streams[MUSTER_MOST];
} muster_reads;

extern const muster_reads muster_rule_reads;

// A user of the batch.
typedef struct muster_user muster_user;

// The rule: returns true if the user is a member.
bool muster_rule_member(const muster_user *user);

// Events of one user by time, none later than now.
typedef struct {
  const muster_user *user;
  size_t stream, first, end;
  int64_t leave;
} muster_events;

// A text of the batch. It does not end with a zero.
typedef struct {
  const char *bytes;
  size_t length;
} muster_text;

// The user's events of a stream of `muster_rule_reads`.
muster_events muster_events_of(const muster_user *user, size_t stream);

// Keeps the events of the last so many ms.
muster_events muster_in_last(muster_events events, int64_t length);

// Keeps the events that are so many ms old or older.
muster_events muster_before_last(muster_events events, int64_t length);

// The number of events.
size_t muster_count(muster_events events);

// True if there is no event.
bool muster_is_empty(muster_events events);

// True if there are so many events for which the function returns true, or more. The function gets the
// events with one row: `events.first`.
bool muster_at_least(muster_events events, size_t count, bool (*keep)(muster_events event));

// The time of a row, and its properties. A number that is absent is NaN, a flag that is absent is 2,
// an instant that is absent is INT64_MIN, a text that is absent has the length 0.
int64_t muster_time(muster_events event);
double muster_event_number(muster_events event, size_t property);
int muster_event_flag(muster_events event, size_t property);
int64_t muster_event_instant(muster_events event, size_t property);
muster_text muster_event_text(muster_events event, size_t property);

// The user's properties of `muster_rule_reads.user`.
double muster_number(const muster_user *user, size_t property);
int muster_flag(const muster_user *user, size_t property);
int64_t muster_instant(const muster_user *user, size_t property);
muster_text muster_text_of(const muster_user *user, size_t property);

// True if a text is this one.
bool muster_is(muster_text text, const char *other);

// True if the instant is now or earlier. The user is evaluated again at that instant.
bool muster_passed(const muster_user *user, int64_t instant);

// The clock. The user is then evaluated again at each run.
int64_t muster_now(const muster_user *user);

// The time of the user's first event; INT64_MAX: none.
int64_t muster_first_seen(const muster_user *user);

#endif
