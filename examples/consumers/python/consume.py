"""Keeps the members of all cohorts in a file of SQLite.

    consume.py STREAM FILE [--once]

Reads every shard of the stream, continues where it stopped, and with --once ends when all is read. Then it prints the
members of each cohort as JSON. Region and credentials are boto3's (AWS_REGION, AWS_PROFILE, …).
"""

import argparse
import json
import time

import boto3

from members import Members


def shards(kinesis, stream):
    for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream):
        for shard in page["Shards"]:
            yield shard["ShardId"]


def iterator(kinesis, stream, shard, position):
    """Returns an iterator after the last record that was applied, or at the oldest record."""
    if position:
        start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position}
    else:
        start = {"ShardIteratorType": "TRIM_HORIZON"}
    return kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **start)["ShardIterator"]


def read(kinesis, stream, shard, members):
    """Reads one shard to its end."""
    at = iterator(kinesis, stream, shard, members.position(shard))
    while at:
        answer = kinesis.get_records(ShardIterator=at, Limit=1_000)
        # Messages and position are one commit. If the process ends before it, the records are read again, which
        # changes nothing.
        with members.database:
            for record in answer["Records"]:
                members.apply(json.loads(record["Data"]))
                members.read_to(shard, record["SequenceNumber"])
        if not answer["Records"] and not answer.get("MillisBehindLatest"):
            return
        at = answer.get("NextShardIterator")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream")
    parser.add_argument("file")
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()
    kinesis, members = boto3.client("kinesis"), Members(arguments.file)
    while True:
        for shard in shards(kinesis, arguments.stream):
            read(kinesis, arguments.stream, shard, members)
        if arguments.once:
            break
        # Kinesis: a shard takes five calls a second from all its readers.
        time.sleep(1)
    print(json.dumps(members.all(), indent=2))


if __name__ == "__main__":
    main()
