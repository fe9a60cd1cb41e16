// The rule of guest-rules/big-spenders in C: users in Seattle who bought for 50 or more at least three
// times in 30 days, without a refund in 7 days.
#include "muster_rule.h"

enum { CITY };
enum { PURCHASES, REFUNDS };
enum { AMOUNT };

const muster_reads muster_rule_reads = {
    .cohort = "big-spenders",
    .user = {[CITY] = {"city", MUSTER_TEXT}},
    .streams =
        {
            [PURCHASES] = {.names = {"Purchase"},
                           .in_last = MUSTER_DAYS(30),
                           .properties = {[AMOUNT] = {"amount", MUSTER_NUMBER}}},
            [REFUNDS] = {.names = {"Refund"}, .in_last = MUSTER_DAYS(7)},
        },
};

static bool is_large(muster_events purchase) {
  return muster_event_number(purchase, AMOUNT) >= 50;
}

bool muster_rule_member(const muster_user *user) {
  muster_events purchases = muster_in_last(muster_events_of(user, PURCHASES), MUSTER_DAYS(30));
  muster_events refunds = muster_in_last(muster_events_of(user, REFUNDS), MUSTER_DAYS(7));
  return muster_is(muster_text_of(user, CITY), "Seattle") && muster_is_empty(refunds) &&
         muster_at_least(purchases, 3, is_large);
}
