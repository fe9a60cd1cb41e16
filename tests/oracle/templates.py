"""Reads a template that Muster printed, with tools that do not know Muster.

`cloudformation FILE` checks it with cfn-lint, `terraform FILE` parses it with python-hcl2. Prints one JSON object: the
resources, the actions that the role's policy allows, whether the stream is encrypted, the external id and the principal.
"""

import json
import pathlib
import re
import subprocess
import sys

kind, path = sys.argv[1:]


def listed(value):
    return value if isinstance(value, list) else [value]


def summary(resources, statements, encrypted, external_id, principal):
    actions = sorted(action for statement in statements for action in listed(statement["Action"]))
    print(json.dumps({
        "resources": sorted(resources),
        "actions": actions,
        "encrypted": encrypted,
        "external_id": external_id,
        "principal": principal,
    }))


if kind == "cloudformation":
    # Informational findings count too.
    lint = subprocess.run(
        [pathlib.Path(sys.executable).with_name("cfn-lint"), "--include-checks", "I", "--regions", "eu-west-1", "--", path],
        capture_output=True,
        text=True,
    )
    if lint.returncode != 0:
        sys.exit(lint.stdout + lint.stderr)
    import cfnlint.decode

    template, problems = cfnlint.decode.decode(path)
    assert not problems, problems
    of = {resource["Type"]: resource["Properties"] for resource in template["Resources"].values()}
    role, stream = of["AWS::IAM::Role"], of["AWS::Kinesis::Stream"]
    [policy] = role["Policies"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}, trust
    assert trust["Principal"] == {"AWS": {"Ref": "MusterPrincipal"}}, trust
    parameters = template["Parameters"]
    summary(
        ["policy", "role", "stream"],
        policy["PolicyDocument"]["Statement"],
        "StreamEncryption" in stream,
        parameters["ExternalId"]["Default"],
        parameters["MusterPrincipal"].get("Default"),
    )
else:
    import hcl2

    with open(path) as file:
        configuration = hcl2.load(file)
    plain = lambda text: text.strip('"') if isinstance(text, str) else text
    named = lambda blocks: {plain(name): body for block in blocks for name, body in block.items()}
    resources = named(configuration["resource"])
    kinds = {"aws_kinesis_stream": "stream", "aws_iam_role": "role", "aws_iam_role_policy": "policy"}
    only = lambda resource: named([resources[resource]])
    [stream], [policy] = only("aws_kinesis_stream").values(), only("aws_iam_role_policy").values()
    [role] = only("aws_iam_role").values()
    # The argument of `jsonencode` is an expression, whose text is compared.
    text = str(policy["policy"])
    actions = re.findall(r"[a-z]+:[A-Z][A-Za-z]+", text)
    assert "var.muster_principal" in str(role["assume_role_policy"]), role
    assert "var.external_id" in str(role["assume_role_policy"]), role
    variables = named(configuration["variable"])
    summary(
        [kinds[resource] for resource in resources],
        [{"Action": actions}],
        "kms_key_id" in stream,
        plain(variables["external_id"]["default"]),
        plain(variables["muster_principal"].get("default")),
    )
