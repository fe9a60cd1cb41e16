"""Runs the consumers of examples/consumers/python on a stream in an emulator.

`put URL FILE` makes the stream `cohorts` and puts the messages of FILE to it, each up to three times and in a random order.
`lambda URL FILE` calls the Lambda function with them, in batches and with a table in DynamoDB; some batches come twice. It
prints the members in the table. `fail URL FILE` calls it without a table, and prints its answer.
"""

import base64
import json
import os
import pathlib
import random
import sys

import boto3

command, url, file = sys.argv[1:]
os.environ.update(
    AWS_ENDPOINT_URL=url,
    AWS_REGION="us-east-1",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ACCESS_KEY_ID="AKIACONSUMER",
    AWS_SECRET_ACCESS_KEY="secret",
    TABLE="members",
)
chance = random.Random(7)
lines = pathlib.Path(file).read_text().splitlines()
records = [line for line in lines for _ in range(chance.randint(1, 3))]
chance.shuffle(records)


def event(batch):
    def record(number, line):
        return {"kinesis": {"sequenceNumber": str(number), "data": base64.b64encode(line.encode()).decode()}}

    return {"Records": [record(number, line) for number, line in enumerate(batch)]}


def function():
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples/consumers/python"))
    import lambda_function

    return lambda_function


if command == "put":
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName="cohorts", ShardCount=3)
    for number, line in enumerate(records):
        kinesis.put_record(StreamName="cohorts", PartitionKey=str(number), Data=line.encode())
    print(json.dumps({"messages": len(lines), "records": len(records)}))
elif command == "fail":
    print(json.dumps(function().handler(event(["no JSON"] + records[:3]), None)))
else:
    table = boto3.resource("dynamodb").create_table(
        TableName="members",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "cohort_id", "AttributeType": "S"},
            {"AttributeName": "user_id", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "cohort_id", "KeyType": "HASH"},
            {"AttributeName": "user_id", "KeyType": "RANGE"},
        ],
    )
    lambda_function, changes = function(), {}

    def changed(cohort, user, in_cohort):
        before = changes.get((cohort, user), False)
        assert before != in_cohort, f"{user} of {cohort} changes twice"
        changes[cohort, user] = in_cohort

    lambda_function.changed = changed
    for start in range(0, len(records), 5):
        for _ in range(chance.randint(1, 2)):
            answer = lambda_function.handler(event(records[start : start + 5]), None)
            assert answer == {"batchItemFailures": []}, answer
    members = {}
    for page in boto3.client("dynamodb").get_paginator("scan").paginate(TableName="members"):
        for item in page["Items"]:
            users = members.setdefault(item["cohort_id"]["S"], [])
            if item["in_cohort"]["BOOL"]:
                users.append(item["user_id"]["S"])
    reacted = {key for key, is_in in changes.items() if is_in}
    assert reacted == {(cohort, user) for cohort, users in members.items() for user in users}
    print(json.dumps(members))
