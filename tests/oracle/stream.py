"""Prepares and reads the test's streams in an emulator.

`create URL` makes the stream of messages. `events URL` makes another stream and puts three purchases of each of ten users
into it, a third of them as one record that is aggregated as by the Kinesis Producer Library; `more URL` adds a view of each user. `read URL` prints the records of the first stream as JSON lines.
"""

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
    from aws_kinesis_agg.aggregator import RecordAggregator

    kinesis.create_stream(StreamName="events", ShardCount=2)
    aggregator = RecordAggregator()
    for number in range(30):
        event = {"user_id": f"user-{number % 10}", "event_type": "Purchase", "event_time": f"2026-02-28 10:00:{number:02}.000000"}
        data = json.dumps(event).encode()
        if number < 20:
            kinesis.put_record(StreamName="events", PartitionKey=event["user_id"], Data=data)
        else:
            aggregator.add_user_record(event["user_id"], data)
    key, _, data = aggregator.clear_and_get().get_contents()
    kinesis.put_record(StreamName="events", PartitionKey=key, Data=data)
elif command == "more":
    # One more event of each user, so that every shard has new records.
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
