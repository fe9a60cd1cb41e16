"""The rule of guest-rules/big-spenders in Python: users in Seattle who bought for 50 or more at least
three times in 30 days, without a refund in 7 days."""

from muster_rule import days, events, rule


@rule(
    "big-spenders",
    user={"city": "text"},
    events={
        "purchases": events("Purchase", in_last=days(30), amount="number"),
        "refunds": events("Refund", in_last=days(7)),
    },
)
def member(user):
    purchases = user.purchases.in_last(days(30)).filter(lambda purchase: (purchase.amount or 0) >= 50)
    return user.city == "Seattle" and user.refunds.in_last(days(7)).is_empty() and purchases.at_least(3)


WitWorld = member
