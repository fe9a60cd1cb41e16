// The rule of guest-rules/big-spenders in JavaScript: users in Seattle who bought for 50 or more at least
// three times in 30 days, without a refund in 7 days.
import { days, rule } from "./muster-rule.js";

export const { describe, classify } = rule({
  cohort: "big-spenders",
  user: { city: "text" },
  events: {
    purchases: { names: ["Purchase"], inLast: days(30), properties: { amount: "number" } },
    refunds: { names: ["Refund"], inLast: days(7) },
  },
  member: (user) =>
    user.city === "Seattle" &&
    user.refunds.inLast(days(7)).isEmpty() &&
    user.purchases
      .inLast(days(30))
      .filter((purchase) => purchase.amount >= 50)
      .atLeast(3),
});
