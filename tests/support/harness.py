"""Runs Pulumi programs in the test's process, without the Pulumi engine. The handlers of the emulated providers create
the resources.

Like the engine, the harness applies stack transforms and marks secret values as secret. Pulumi's own mocks do neither.
The harness also checks inputs against the SDK's argument types, and waits for every output. Two mistakes raise an
error: a type or function without a handler, and a program that registers nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
import pytest
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler
from moto.iam.models import IAMBackend
from moto.route53.models import Route53Backend
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response
from pulumi.runtime import mocks, rpc
from pulumi.runtime.config import CONFIG
from pulumi.runtime.settings import SETTINGS, set_root_resource
from pulumi.runtime.stack import run_in_stack

from emulation.aws import (
    bucket_metrics,
    bucket_names,
    bucket_policies,
    conditional_writes,
    global_tables,
    keys,
    locks,
    permissions_boundaries,
    public_addresses,
    reboots,
    record_sets,
    replication_rules,
    response_methods,
    service_names,
    table_limits,
    tables,
)
from emulation.aws.dns_answers import add_dns_answers
from emulation.aws.global_accelerator import add_service as add_global_accelerator
from emulation.aws.images import WITHOUT_IMAGES
from emulation.providers import schema, wire
from emulation.providers.archives import on_the_wire
from emulation.providers.handler import Function, Handler, Properties
from emulation.providers.provider import INHERITED


@dataclass(frozen=True)
class Registered:
    """Describes one resource as the program registers it, after all transforms.

    `secrets` names the inputs that hold a secret. `parent` and the property dependencies are URNs. `depends_on`
    contains URNs of resources. The engine creates these resources before this resource, and deletes them after it.
    `replaced_for` names the inputs whose change replaces the resource, although its provider could change it in place.
    `ignored` names the inputs whose changes the engine ignores once the resource exists.
    """

    type: str
    name: str
    inputs: Properties
    outputs: Properties
    secrets: frozenset[str]
    protect: bool
    urn: str
    parent: str
    dependencies: Mapping[str, Sequence[str]]
    id: str = ""
    depends_on: frozenset[str] = frozenset()
    replaced_for: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


@dataclass
class Deployment:
    """Holds the resources and exports of a Pulumi program.

    `secret_outputs` names the exports that contain a secret. The secret can also be inside an object or a list.
    """

    resources: list[Registered] = field(default_factory=list[Registered])
    outputs: Properties = field(default_factory=dict[str, Any])
    secret_outputs: frozenset[str] = frozenset()

    def of(self, resource: type[pulumi.CustomResource]) -> dict[str, Registered]:
        """Returns all resources of one type that the Pulumi program registered. The keys are the names of the
        resources.
        """
        token = schema.token_of(resource)
        return {registered.name: registered for registered in self.resources if registered.type == token}

    def components(self) -> set[str]:
        """Returns the type tokens of all components that the Pulumi program registered."""
        return {registered.type for registered in self.resources if registered.type.startswith("artifact-edge:")}


def deploy(
    program: Callable[[], object],
    handlers: Iterable[Handler],
    functions: Iterable[Function] = (),
    *,
    stack: str = "test",
    config: Mapping[str, str] | None = None,
) -> Deployment:
    """Runs a Pulumi program as the first `pulumi up` of its stack.

    Raises the program's errors, and the errors of handlers that refuse a resource.
    """
    deployment = Deployment()
    settings = dict(config or {})

    async def run() -> None:
        # `deploy` itself raises the program's errors. asyncio's own handler would also log these errors at a random
        # moment, so this handler ignores them.
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        # Clears the outputs of the previous program. If that program failed, Pulumi would wait for its outputs forever.
        cast(Any, SETTINGS).outputs.clear()
        sandbox = _Sandbox(deployment, handlers, functions, settings)
        monitor = _Monitor(sandbox, deployment)
        mocks.set_mocks(sandbox, project="artifact-edge", stack=stack, preview=False, monitor=monitor)
        # The mocks of Pulumi set a stack resource that discards the stack's exports. The harness removes this resource.
        # Pulumi then creates a stack resource that keeps the exports.
        set_root_resource(cast(Any, None))
        CONFIG.set(settings)
        await run_in_stack(lambda: cast(None, program()))

    _in_separate_thread(lambda: asyncio.run(run()))
    assert deployment.resources, "the program registered no resource"
    return deployment


@contextmanager
def aws_account() -> Generator[None]:
    """Provides an empty AWS account that moto emulates in the test's process. All boto3 clients use the account."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "test")
        for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
            environment.delenv(name, raising=False)
        # moto does not emulate the account-ID endpoints of DynamoDB Streams. This setting keeps boto3 from calling
        # them.
        environment.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        for name, value in WITHOUT_IMAGES.items():
            environment.setenv(name, value)
        add_global_accelerator()
        add_dns_answers()
        for owner, name, method in (
            *keys.patches(),
            *response_methods.patches(),
            *service_names.patches(),
            *conditional_writes.patches(),
        ):
            environment.setattr(owner, name, method)
        environment.setattr(S3Backend, "create_bucket", bucket_names.create_bucket)
        environment.setattr(FakeBucket, "get_permission", bucket_policies.permission)
        environment.setattr(S3Backend, "put_object_lock_configuration", locks.put_object_lock_configuration)
        environment.setattr(S3Backend, "put_bucket_replication", replication_rules.put_bucket_replication)
        for name, method in permissions_boundaries.patches():
            environment.setattr(IAMBackend, name, method)
        for name, method in tables.patches():
            environment.setattr(DynamoDBBackend, name, method)
        for owner, name, method in table_limits.patches():
            environment.setattr(owner, name, method)
        for owner, name, method in (*public_addresses.patches(), *reboots.patches()):
            environment.setattr(owner, name, method)
        for name, method in global_tables.patches():
            environment.setattr(DynamoHandler, name, method)
        for name, method in record_sets.patches():
            environment.setattr(Route53Backend, name, method)
        for name, method in bucket_metrics.patches():
            environment.setattr(S3Response, name, method)
        yield


class _Sandbox(mocks.Mocks):
    """Answers a Pulumi program's resource registrations and function calls for all emulated clouds.

    A lock serializes the requests, because Pulumi registers resources in parallel and moto handles one request at a
    time.
    """

    def __init__(
        self,
        deployment: Deployment,
        handlers: Iterable[Handler],
        functions: Iterable[Function],
        settings: Mapping[str, str],
    ) -> None:
        self._deployment = deployment
        self._handlers = {schema.token_of(handler.resource): handler for handler in handlers}
        self._functions = {function.token: function for function in functions}
        self._settings = settings
        self._transforms: list[pulumi.ResourceTransform] = []
        self._one_at_a_time = threading.Lock()
        # Each thread handles one resource registration at a time. The attribute `request` holds the thread's current
        # registration.
        self.current = threading.local()

    def register_transform(self, transform: pulumi.ResourceTransform) -> None:
        self._transforms.append(transform)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, Properties]:
        with self._one_at_a_time:
            inputs, options = self._transformed(args)
            if not args.custom:
                self._register(args, inputs, {}, frozenset(), options, "")
                return "", {}
            return self._created(args, inputs, options)

    def call(self, args: mocks.MockCallArgs) -> tuple[Properties, list[tuple[str, str]]]:
        function = self._functions.get(args.token)
        assert function is not None, f"no function {args.token} is emulated"
        with self._one_at_a_time:
            return function.invoke(wire.reveal(_plain(cast(Any, args).args))), []

    def _transformed(self, args: mocks.MockResourceArgs) -> tuple[Properties, pulumi.ResourceOptions]:
        inputs, options = _plain(cast(Any, args).inputs), pulumi.ResourceOptions()
        for transform in [*args.transforms, *self._transforms]:
            current = pulumi.ResourceTransformArgs(bool(args.custom), args.typ, args.name, inputs, options)
            result = cast("pulumi.ResourceTransformResult | None", transform(current))
            if result is not None:
                inputs, options = dict(cast(Properties, result.props)), result.opts
        return inputs, options

    def _created(
        self, args: mocks.MockResourceArgs, inputs: Properties, options: pulumi.ResourceOptions
    ) -> tuple[str, Properties]:
        handler = self._handlers.get(args.typ)
        assert handler is not None, f"no resource type {args.typ} is emulated"
        cloud = args.typ.split(":")[0]
        for name in INHERITED:
            if f"{cloud}:{name}" in self._settings and name in schema.shape_of_resource(handler.resource).types:
                inputs.setdefault(name, self._settings[f"{cloud}:{name}"])
        failures = schema.check(handler.resource, inputs)
        assert not failures, "; ".join(failure.reason for failure in failures)
        secrets = frozenset(name for name, value in inputs.items() if wire.holds_secret(value))
        created = handler.create(wire.reveal(inputs))
        self._register(args, wire.reveal(inputs), created.outputs, secrets, options, created.id)
        return created.id, wire.hide(created.outputs, secrets)

    def _register(
        self,
        args: mocks.MockResourceArgs,
        inputs: Properties,
        outputs: Properties,
        secrets: frozenset[str],
        options: pulumi.ResourceOptions,
        id: str,
    ) -> None:
        current = self.current.request
        self._deployment.resources.append(
            Registered(
                args.typ,
                args.name,
                inputs,
                outputs,
                secrets,
                protect=bool(options.protect),
                urn=urn(current.parent, args.typ, args.name),
                parent=current.parent,
                dependencies={name: list(on.urns) for name, on in current.propertyDependencies.items()},
                id=id,
                depends_on=frozenset(current.dependencies),
                replaced_for=frozenset(current.replaceOnChanges),
                ignored=frozenset(current.ignoreChanges),
            )
        )


class _Monitor(mocks.MockMonitor):
    """Records the stack's exported outputs, which Pulumi's mocks discard."""

    def __init__(self, sandbox: _Sandbox, deployment: Deployment) -> None:
        super().__init__(sandbox)
        self._sandbox = sandbox
        self._deployment = deployment

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        return urn(parent, type_, name)

    def RegisterResource(self, request: Any) -> Any:
        self._sandbox.current.request = request
        return cast(Any, super()).RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any) -> Any:
        exports = _plain(cast(Properties, rpc.deserialize_properties(request.outputs)))
        if exports and request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            self._deployment.outputs = wire.reveal(exports)
            self._deployment.secret_outputs = frozenset(
                name for name, value in exports.items() if wire.holds_secret(value)
            )
        return cast(Any, super()).RegisterResourceOutputs(request)


def urn(parent: str, type_token: str, name: str) -> str:
    """Returns a resource's URN in the form that the Pulumi engine uses. It contains the types of all parents except the
    stack.

    The URNs of Pulumi's mocks contain only the nearest parent's type.
    """
    stack, project = pulumi.get_stack(), pulumi.get_project()
    above = parent.split("::")[2] if parent else ""
    within = f"{above}$" if above not in ("", "pulumi:pulumi:Stack") else ""
    return f"urn:pulumi:{stack}::{project}::{within}{type_token}::{name}"


def _plain(properties: Any) -> Properties:
    """Converts properties to the form that providers receive. Whole numbers become int, and None values are removed."""
    return wire.decode(wire.encode(cast(Properties, on_the_wire(dict(cast(Properties, properties))))))


def _in_separate_thread(run: Callable[[], None]) -> None:
    """Runs a Pulumi program in a separate thread. Raises the program's error in the calling thread.

    The Pulumi SDK keeps data about the running program in context variables and in the thread's event loop. Programs in
    separate threads therefore cannot affect each other.
    """
    raised: list[BaseException] = []

    def target() -> None:
        try:
            contextvars.Context().run(run)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
