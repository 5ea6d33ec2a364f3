"""Emulates a Pulumi provider, which the Pulumi engine uses in place of a cloud's real provider plugin (provider.proto).

The provider checks inputs, computes diffs and previews, and protects secrets for all resource types. A handler for each
resource type calls the emulated cloud. If a resource type or data source has no handler, the provider raises an error
that names the type.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, cast

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from emulation.providers import schema, wire
from emulation.providers.archives import comparable
from emulation.providers.handler import CloudError, Function, Handler, HoldsSets, Properties, ReplacedBeforeDeletion

# Settings of a Pulumi provider that are also defaults for its resources. If a resource has no input `region`, for
# example, the resource gets the region of the provider.
INHERITED = ("region", "project")

# The type is Any, because the generated types of gRPC messages are incomplete.
Messages = Any


class EmulatedProvider(provider_pb2_grpc.ResourceProviderServicer):
    """The emulated Pulumi provider of one cloud, with a handler for each resource type. `version` is the version of the
    Pulumi SDK of this cloud."""

    def __init__(self, cloud: str, version: str, handlers: Iterable[Handler], functions: Iterable[Function]) -> None:
        self._cloud = cloud
        self._version = version
        self._handlers: Mapping[str, Handler] = {schema.token_of(handler.resource): handler for handler in handlers}
        self._functions: Mapping[str, Function] = {function.token: function for function in functions}
        self._settings: Properties = {}

    def Handshake(self, request: Messages, context: Any) -> Messages:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Messages, context: Any) -> Messages:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Messages, context: Any) -> Messages:
        return plugin_pb2.PluginInfo(version=self._version)

    def CheckConfig(self, request: Messages, context: Any) -> Messages:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Messages, context: Any) -> Messages:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Messages, context: Any) -> Messages:
        self._settings = wire.reveal(wire.decode(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: Messages, context: Any) -> Messages:
        return empty_pb2.Empty()

    def Check(self, request: Messages, context: Any) -> Messages:
        handler = self._handler(request.urn, context)
        inputs = wire.decode(request.news)
        accepted = schema.shape_of_resource(handler.resource).types
        for name in INHERITED:
            if name in accepted and name in self._settings:
                inputs.setdefault(name, self._settings[name])
        failures = [
            provider_pb2.CheckFailure(property=failure.path, reason=failure.reason)
            for failure in schema.check(handler.resource, inputs)
        ]
        return provider_pb2.CheckResponse(inputs=wire.encode(inputs), failures=failures)

    def Diff(self, request: Messages, context: Any) -> Messages:
        handler = self._handler(request.urn, context)
        old, new = wire.decode(request.old_inputs), wire.decode(request.news)
        changed = [
            name
            for name in sorted(old.keys() | new.keys())
            if not name.startswith("__")
            and name not in request.ignoreChanges
            and _comparable(handler, name, old) != _comparable(handler, name, new)
        ]
        replaces = [name for name in changed if name in handler.replace_on]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and not isinstance(handler, ReplacedBeforeDeletion),
            hasDetailedDiff=True,
            detailedDiff={name: _property_diff(name, old, new, name in replaces) for name in changed},
        )

    def Create(self, request: Messages, context: Any) -> Messages:
        handler = self._handler(request.urn, context)
        inputs = wire.decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=wire.encode(_preview_outputs(handler, inputs)))
        created = self._call(context, lambda: handler.create(wire.reveal(inputs)))
        return provider_pb2.CreateResponse(id=created.id, properties=self._encode(created.outputs, inputs))

    def Read(self, request: Messages, context: Any) -> Messages:
        handler = self._handler(request.urn, context)
        inputs, state = wire.decode(request.inputs), wire.decode(request.properties)
        outputs = self._call(context, lambda: handler.read(request.id, wire.reveal(state)))
        if outputs is None:
            return provider_pb2.ReadResponse()
        given = inputs or {name: outputs[name] for name in _input_names(handler, outputs)}
        now = {name: _restore_secret(given[name], outputs.get(name)) for name in given}
        return provider_pb2.ReadResponse(
            id=request.id, inputs=wire.encode(now), properties=self._encode(outputs, {**state, **inputs})
        )

    def Update(self, request: Messages, context: Any) -> Messages:
        handler = self._handler(request.urn, context)
        old, new = wire.decode(request.olds), wire.decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=wire.encode({**old, **new}))
        outputs = self._call(context, lambda: handler.update(request.id, wire.reveal(old), wire.reveal(new)))
        return provider_pb2.UpdateResponse(properties=self._encode(outputs, new))

    def Delete(self, request: Messages, context: Any) -> Messages:
        handler = self._handler(request.urn, context)
        self._call(context, lambda: handler.delete(request.id, wire.reveal(wire.decode(request.properties))))
        return empty_pb2.Empty()

    def Invoke(self, request: Messages, context: Any) -> Messages:
        function = self._functions.get(request.tok)
        if function is None:
            _refuse(context, f"the emulated {self._cloud} has no function {request.tok}")
        arguments = wire.reveal(wire.decode(request.args))
        result = self._call(context, lambda: function.invoke(arguments))
        return provider_pb2.InvokeResponse(**cast(Any, {"return": wire.encode(result)}))

    def _handler(self, urn: str, context: Any) -> Handler:
        token = urn.split("::")[2].split("$")[-1]
        if token not in self._handlers:
            _refuse(context, f"the emulated {self._cloud} has no resource type {token}")
        return self._handlers[token]

    def _call(self, context: Any, call: Any) -> Any:
        """Calls the emulated cloud for a request of the Pulumi engine and returns the result.

        An error from the cloud ends the request with a one-line message for the user. Any other exception is a bug, so
        the request ends with the traceback.
        """
        try:
            return call()
        except (CloudError, ClientError, BotoCoreError) as refusal:
            _refuse(context, f"{self._cloud} refused: {refusal}")
        except Exception:
            context.abort(grpc.StatusCode.INTERNAL, traceback.format_exc())

    def _encode(self, outputs: Properties, given: Properties) -> Messages:
        """Returns a resource's outputs as a message for the Pulumi engine. Marks an output as secret if the input of
        the same name in `given` contains a secret.
        """
        secrets = {name for name, value in given.items() if wire.holds_secret(value)}
        return wire.encode(wire.hide(outputs, secrets))


def _preview_outputs(handler: Handler, inputs: Properties) -> Properties:
    """Returns the outputs of a resource for a Pulumi preview. Outputs that are also inputs have the values of the
    inputs, and all other outputs are unknown.
    """
    return {**dict.fromkeys(schema.outputs_of(handler.resource), wire.UNKNOWN), **inputs}


def _input_names(handler: Handler, outputs: Properties) -> list[str]:
    accepted = schema.shape_of_resource(handler.resource).types
    return [name for name, value in outputs.items() if name in accepted and value is not None]


def _restore_secret(before: Any, now: Any) -> Any:
    if not wire.holds_secret(before):
        return now
    return before if wire.reveal(before) == now else wire.secret(now)


def _comparable(handler: Handler, name: str, inputs: Properties) -> Any:
    """Returns an input of a resource in a form that can be compared. Two inputs with the same meaning become equal. For
    example, if the cloud ignores the order of a list, two lists with the same elements become equal.
    """
    value = wire.reveal(inputs.get(name))
    if isinstance(handler, HoldsSets) and name in handler.sets and isinstance(value, list):
        return {json.dumps(each, sort_keys=True, default=repr) for each in cast(list[Any], value)}
    return comparable(value)


def _property_diff(name: str, old: Properties, new: Properties, replace: bool) -> Messages:
    kinds = cast(Any, provider_pb2.PropertyDiff)
    if name not in old:
        kind = kinds.ADD_REPLACE if replace else kinds.ADD
    elif name not in new:
        kind = kinds.DELETE_REPLACE if replace else kinds.DELETE
    else:
        kind = kinds.UPDATE_REPLACE if replace else kinds.UPDATE
    return provider_pb2.PropertyDiff(kind=kind, inputDiff=True)


def _refuse(context: Any, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort always raises")
