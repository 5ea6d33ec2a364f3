"""Harmful changes to serverless functions. Tests make each change, and a policy must report it."""

from __future__ import annotations

from tests.policies.cases.parts import PRIVATE_KEY
from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without

FUNCTION = "aws:lambda/function:Function"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"

MUTATIONS = [
    Mutation(
        "multi-function-callers-named",
        ["aws:lambda/permission:Permission"],
        "everyone may invoke a function that is not public",
        put("function", "artifact-edge-prod-consumer"),
        where=lambda each: each.inputs["principal"] == "*",
    ),
    Mutation(
        "multi-function-callers-named",
        ["aws:lambda/permission:Permission"],
        "any account's schedule may invoke a function",
        without("sourceArn"),
        where=lambda each: each.inputs["principal"] != "*",
    ),
    Mutation(
        "multi-function-callers-named",
        ["aws:lambda/functionUrl:FunctionUrl"],
        "a function that is not public has a URL",
        put("functionName", "artifact-edge-prod-consumer"),
    ),
    Mutation(
        "multi-function-callers-named",
        ["gcp:cloudrunv2/serviceIamMember:ServiceIamMember"],
        "everyone may call a Cloud Run service that is not public",
        put("name", "artifact-edge-prod-entitlements"),
    ),
    Mutation(
        "multi-function-environment-without-secrets",
        ["gcp:cloudrunv2/service:Service"],
        "an environment variable of a Cloud Run service contains a private key",
        put("template.containers", [{"envs": [{"name": "KEY", "value": PRIVATE_KEY}]}]),
    ),
    Mutation(
        "aws-lambda-runtime-supported",
        [FUNCTION],
        "a Lambda function has the old runtime python3.8",
        put("runtime", "python3.8"),
    ),
    Mutation(
        "multi-function-environment-without-secrets",
        [FUNCTION],
        "an environment variable of a Lambda function contains a private key",
        put("environment.variables.KEY", PRIVATE_KEY),
    ),
    Mutation(
        "aws-lambda-failed-events-kept",
        [MAPPING],
        "an event source mapping has no dead-letter queue",
        without("destinationConfig"),
    ),
    Mutation(
        "aws-lambda-failed-events-kept",
        [MAPPING],
        "an event source mapping retries a failed batch forever",
        without("maximumRetryAttempts"),
    ),
    Mutation(
        "aws-lambda-failed-events-kept",
        [MAPPING],
        "an event source mapping does not split a failed batch",
        put("bisectBatchOnFunctionError", False),
    ),
    Mutation(
        "multi-function-callers-named",
        ["gcp:cloudrunv2/service:Service"],
        "anyone may call it",
        put("invokerIamDisabled", True),
        lambda service: not str(service.inputs["name"]).endswith("-metadata-api"),
    ),
]
