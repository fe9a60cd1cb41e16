"""An AWS Lambda function that keeps the members of all cohorts in a table of DynamoDB.

The table, whose name is in TABLE, has the partition key `cohort_id` and the sort key `user_id`, both texts. The event source
mapping of the stream needs `FunctionResponseTypes: [ReportBatchItemFailures]`. Then only the records from the first failed
one on come again.
"""

import base64
import json
import logging
import os

import boto3
from botocore.exceptions import ClientError

log = logging.getLogger()
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    """Applies the records of a batch."""
    for record in event["Records"]:
        kinesis = record["kinesis"]
        try:
            message = json.loads(base64.b64decode(kinesis["data"]))
        except ValueError:
            # It would fail for ever, and hold up the shard.
            log.exception("record %s is no JSON", kinesis["sequenceNumber"])
            continue
        try:
            apply(message)
        except ClientError:
            log.exception("record %s is tried again", kinesis["sequenceNumber"])
            return {"batchItemFailures": [{"itemIdentifier": kinesis["sequenceNumber"]}]}
    return {"batchItemFailures": []}


def apply(message):
    """Writes each user of a message, unless a later message has spoken of the user."""
    for user in message["users"]:
        try:
            before = table.put_item(
                Item={
                    "cohort_id": message["cohort_id"],
                    "user_id": user["user_id"],
                    "computed_time": int(message["computed_time"]),
                    "in_cohort": message["in_cohort"],
                    "user_properties": json.dumps(user.get("user_properties", {})),
                },
                # A message that comes again has the same `computed_time`, so it is refused too.
                ConditionExpression="attribute_not_exists(computed_time) OR computed_time < :computed_time",
                ExpressionAttributeValues={":computed_time": int(message["computed_time"])},
                ReturnValues="ALL_OLD",
            ).get("Attributes", {})
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            continue
        if before.get("in_cohort", False) != message["in_cohort"]:
            changed(message["cohort_id"], user["user_id"], message["in_cohort"])


def changed(cohort, user, in_cohort):
    """Reacts to an entry or an exit. A full sync repeats members, who do not come here.

    If the function ends between the write and this call, the call is lost. A reaction that must not be lost belongs on the
    stream of the table (DynamoDB Streams).
    """
    log.info("%s %s %s", user, "entered" if in_cohort else "left", cohort)
