"""Test cases for the policies on serverless functions."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import PRIVATE_KEY, Case
from tests.policies.resources import resource

FUNCTION = "aws:lambda/function:Function"
SERVICE = "gcp:cloudrunv2/service:Service"
URL = "aws:lambda/functionUrl:FunctionUrl"
INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
OPEN = {"open": ["*-api"]}


def permission(**changes: Any) -> PolicyResource:
    props = {"function": "x-api", "action": "lambda:InvokeFunction", "principal": "*", **changes}
    return resource("aws:lambda/permission:Permission", props)


def mapping(**changes: Any) -> PolicyResource:
    props = {
        "destinationConfig": {"onFailure": {"destinationArn": UNKNOWN_STRING_VALUE}},
        "maximumRetryAttempts": 3,
        "bisectBatchOnFunctionError": True,
        **changes,
    }
    return resource("aws:lambda/eventSourceMapping:EventSourceMapping", props)


def service(**variables: str) -> PolicyResource:
    envs = [{"name": name, "value": value} for name, value in variables.items()]
    return resource("gcp:cloudrunv2/service:Service", {"template": {"containers": [{"envs": envs}]}})


CASES = [
    Case("multi-function-callers-named", [permission()], "everybody may lambda:InvokeFunction"),
    Case("multi-function-callers-named", [permission()], "everybody may lambda:InvokeFunction", OPEN),
    Case(
        "multi-function-callers-named",
        [permission(invokedViaFunctionUrl=True, function="other")],
        "everybody may lambda:InvokeFunction",
        OPEN,
    ),
    Case(
        "multi-function-callers-named",
        [permission(principal="s3.amazonaws.com")],
        "s3.amazonaws.com may lambda:InvokeFunction for any account",
    ),
    Case("multi-function-callers-named", [resource(URL, {"authorizationType": "NONE"})], "authenticates no callers"),
    Case(
        "multi-function-callers-named",
        [resource(INVOKER, {"member": "allUsers", "role": "roles/run.invoker", "name": "z"})],
        "roles/run.invoker is granted to everybody",
        OPEN,
    ),
    Case(
        "multi-function-environment-without-secrets",
        [service(KEY=PRIVATE_KEY)],
        "variable KEY seems to hold a private key",
    ),
    Case("multi-function-environment-without-secrets", [service(DATABASE="projects/p/instances/i/databases/d")]),
    Case(
        "multi-function-callers-named",
        [
            permission(invokedViaFunctionUrl=True),
            permission(functionUrlAuthType="NONE"),
            permission(principal="s3.amazonaws.com", sourceArn="arn:aws:s3:::b"),
            permission(principal="123456789012"),
            resource(URL, {"authorizationType": "NONE", "functionName": "arn:aws:lambda:x:1:function:y-api"}),
            resource(URL, {"authorizationType": "AWS_IAM"}),
            resource(INVOKER, {"member": "allUsers", "role": "roles/run.invoker", "name": "y-api"}),
            resource(INVOKER, {"member": "serviceAccount:x@y", "role": "roles/run.invoker", "name": "z"}),
        ],
        config=OPEN,
    ),
    Case("aws-lambda-runtime-supported", [resource(FUNCTION, {"runtime": "python3.8"})], "python3.8 is not patched"),
    # The policy requires that AWS patches the runtime for at least another year. AWS patches nodejs22.x only until
    # 2027-04-30 (endoflife.date, "AWS Lambda").
    Case("aws-lambda-runtime-supported", [resource(FUNCTION, {"runtime": "nodejs22.x"})], "nodejs22.x is not patched"),
    Case("aws-lambda-runtime-supported", [resource(FUNCTION, {"runtime": "python3.13"})]),
    Case("aws-lambda-runtime-supported", [resource(FUNCTION, {"packageType": "Image"})]),
    Case(
        "multi-function-environment-without-secrets",
        [resource(FUNCTION, {"environment": {"variables": {"X": PRIVATE_KEY}}})],
        "variable X seems to hold a private key",
    ),
    Case(
        "multi-function-environment-without-secrets",
        [resource(FUNCTION, {}), resource(FUNCTION, {"environment": {"variables": {"SECRET_ID": "artifact-edge/x"}}})],
    ),
    Case("aws-lambda-failed-events-kept", [mapping(destinationConfig={})], "failed events are dropped"),
    Case("aws-lambda-failed-events-kept", [mapping(maximumRetryAttempts=-1)], "is retried until it expires"),
    Case("aws-lambda-failed-events-kept", [mapping(bisectBatchOnFunctionError=False)], "fails its whole batch"),
    Case("aws-lambda-failed-events-kept", [mapping()]),
    Case(
        "multi-function-callers-named",
        [resource(SERVICE, {"name": "follow", "invokerIamDisabled": True})],
        "not ask IAM",
    ),
    Case("multi-function-callers-named", [resource(SERVICE, {"name": "follow", "invokerIamDisabled": False})]),
]
