"""Makes the stream and the role in AWS, or here in an emulator, with the policies that Muster printed: `FILE`."""

import json
import sys

import boto3

with open(sys.argv[1]) as file:
    policies = json.load(file)
boto3.client("kinesis").create_stream(StreamName="cohorts", ShardCount=2)
iam = boto3.client("iam")
role = iam.create_role(RoleName="muster-growth", AssumeRolePolicyDocument=json.dumps(policies["trust_policy"]))
iam.put_role_policy(
    RoleName="muster-growth", PolicyName="muster", PolicyDocument=json.dumps(policies["permission_policy"])
)
print("role", role["Role"]["Arn"])
