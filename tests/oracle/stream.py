"""Makes the test's stream in an emulator (`create URL`), or prints its records as JSON lines (`read URL`)."""

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
