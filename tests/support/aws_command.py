"""`python -m tests.support.aws_command`: runs a command of the AWS CLI with boto3.

Tests of runbooks put this program on the PATH as `aws`. The AWS CLI itself may not be installed on the machine.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, cast

import boto3
import jmespath
from botocore import xform_name
from botocore.exceptions import ClientError

# Options that every command of the AWS CLI has, in the spelling of the AWS CLI.
_GLOBAL = ("--region", "--query", "--output")


def main(service: str, operation: str, *arguments: str) -> None:
    options, files = _parsed(arguments)
    region, query, output = (options.pop(name, [""])[0] for name in _GLOBAL)
    client: Any = cast(Any, boto3).client(
        {"s3api": "s3"}.get(service, service), region_name=region or os.environ.get("AWS_REGION")
    )
    api_name = next(each for each in client.meta.service_model.operation_names if xform_name(each, "-") == operation)
    shape = client.meta.service_model.operation_model(api_name).input_shape
    members = {f"--{xform_name(name, '-')}": (name, member) for name, member in shape.members.items()}
    fields = {members[option][0]: _value(members[option][1], texts) for option, texts in options.items()}
    try:
        answer = getattr(client, operation.replace("-", "_"))(**fields)
    except ClientError as error:
        sys.exit(f"\nAn error occurred: {error}")
    del answer["ResponseMetadata"]
    if files:
        Path(files[0]).write_bytes(answer.pop("Body").read())
    _show(jmespath.search(query, answer) if query else answer, output)


def _parsed(arguments: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str]]:
    """Parses the arguments of an AWS CLI command. Returns its options with their values, and its output file, which is
    the last argument.
    """
    options: dict[str, list[str]] = {}
    files: list[str] = []
    values: list[str] | None = None
    for argument in arguments:
        if argument.startswith("--"):
            values = options.setdefault(argument, [])
        elif values == [] or options.get("--instance-ids") is values:
            cast(list[str], values).append(argument)
        else:
            files.append(argument)
    return options, files


def _value(shape: Any, texts: list[str]) -> Any:
    if shape.type_name == "list":
        return texts
    if shape.type_name == "boolean":
        return True
    return int(texts[0]) if shape.type_name == "integer" else texts[0]


def _show(value: Any, output: str) -> None:
    if output == "text":
        print(*cast(list[Any], value) if isinstance(value, list) else [value], sep="\t")
    else:
        print(json.dumps(value, default=str, indent=4))


if __name__ == "__main__":
    main(*sys.argv[1:])
