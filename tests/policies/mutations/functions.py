"""Changes that break serverless functions, each of which a policy must report."""

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
        "another function for everybody",
        put("function", "artifact-edge-prod-consumer"),
        where=lambda each: each.inputs["principal"] == "*",
    ),
    Mutation(
        "multi-function-callers-named",
        ["aws:lambda/permission:Permission"],
        "for another account's rule",
        without("sourceArn"),
        where=lambda each: each.inputs["principal"] != "*",
    ),
    Mutation(
        "multi-function-callers-named",
        ["aws:lambda/functionUrl:FunctionUrl"],
        "another function's URL",
        put("functionName", "artifact-edge-prod-consumer"),
    ),
    Mutation(
        "multi-function-callers-named",
        ["gcp:cloudrunv2/serviceIamMember:ServiceIamMember"],
        "another service for everybody",
        put("name", "artifact-edge-prod-entitlements"),
    ),
    Mutation(
        "multi-function-environment-without-secrets",
        ["gcp:cloudrunv2/service:Service"],
        "a key",
        put("template.containers", [{"envs": [{"name": "KEY", "value": PRIVATE_KEY}]}]),
    ),
    Mutation("aws-lambda-runtime-supported", [FUNCTION], "old", put("runtime", "python3.8")),
    Mutation(
        "multi-function-environment-without-secrets", [FUNCTION], "a key", put("environment.variables.KEY", PRIVATE_KEY)
    ),
    Mutation("aws-lambda-failed-events-kept", [MAPPING], "dropped", without("destinationConfig")),
    Mutation("aws-lambda-failed-events-kept", [MAPPING], "forever", without("maximumRetryAttempts")),
    Mutation("aws-lambda-failed-events-kept", [MAPPING], "whole batches", put("bisectBatchOnFunctionError", False)),
]
