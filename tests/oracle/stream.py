"""Makes the test's stream in an emulator (`create URL`), puts events into another one (`events URL`: three purchases of each of ten users),
or prints the records of the first as JSON lines (`read URL`)."""

import json
import sys

import boto3

command, url = sys.argv[1:]
kinesis = boto3.client(
    "kinesis",
    endpoint_url=url,
    region_name="us-east-1",
    aws_access_key_id="AKIAREADER",
    aws_secret_access_key="reader",
)
if command == "create":
    kinesis.create_stream(StreamName="cohorts", ShardCount=2)
elif command == "events":
    kinesis.create_stream(StreamName="events", ShardCount=2)
    for number in range(30):
        event = {"user_id": f"user-{number % 10}", "event_type": "Purchase", "event_time": f"2026-02-28 10:00:{number:02}.000000"}
        kinesis.put_record(StreamName="events", PartitionKey=event["user_id"], Data=json.dumps(event).encode())
elif command == "more":
    # One event more of each user, so that every shard has news.
    for number in range(10):
        event = {"user_id": f"user-{number}", "event_type": "View", "event_time": "2026-02-28 11:00:00.000000"}
        kinesis.put_record(StreamName="events", PartitionKey=event["user_id"], Data=json.dumps(event).encode())
else:
    for shard in kinesis.list_shards(StreamName="cohorts")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="cohorts", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            for record in answer["Records"]:
                print(json.dumps({"data": record["Data"].decode(), "partition_key": record["PartitionKey"]}))
            iterator = answer.get("NextShardIterator") if answer["Records"] else None
