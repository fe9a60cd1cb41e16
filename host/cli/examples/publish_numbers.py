"""Sends as many messages as `publish_numbers` does to an emulator of Kinesis, with plain boto3.

    python publish_numbers.py http://127.0.0.1:4567 create|loop|asyncio

`create` makes the stream. `loop` makes one call after the other, `asyncio` makes 16 at the same time on threads.
"""

import asyncio
import sys
import time

import boto3

MESSAGES, SIZE, CALL = 1_700, 24_300, 40


def main(endpoint, way):
    client = boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="AKIABASEBASEBASEBASE",
        aws_secret_access_key="secret",
        config=boto3.session.Config(max_pool_connections=16),
    )
    if way == "create":
        client.create_stream(StreamName="cohorts", ShardCount=4)
        return
    records = [{"Data": b"x" * SIZE, "PartitionKey": f"{number:032x}"} for number in range(MESSAGES)]
    calls = [records[first : first + CALL] for first in range(0, MESSAGES, CALL)]

    def send(call):
        while call:
            answer = client.put_records(StreamName="cohorts", Records=call)
            call = [record for record, entry in zip(call, answer["Records"]) if "ErrorCode" in entry]

    async def send_all():
        permits = asyncio.Semaphore(16)

        async def one(call):
            async with permits:
                await asyncio.to_thread(send, call)

        await asyncio.gather(*map(one, calls))

    begun, cpu = time.monotonic(), time.process_time()
    if way == "loop":
        for call in calls:
            send(call)
    else:
        asyncio.run(send_all())
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    print(f"boto3, {way}: {MESSAGES} messages in {seconds:.1f} s, {cpu:.1f} s of CPU")


main(sys.argv[1], sys.argv[2])
