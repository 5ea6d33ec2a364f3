"""Translates property names between the Cloudflare API and Pulumi. Converts API answers to a form that can be compared
with the Pulumi inputs.
"""

from __future__ import annotations

import re
from typing import Any, cast

import pulumi
from cloudflare import BaseModel

from emulation.providers import schema
from emulation.providers.handler import Properties


def outputs(resource: type[pulumi.CustomResource], answer: BaseModel, given: Properties) -> Properties:
    """Returns the Pulumi outputs of a Cloudflare resource: the properties in the API's answer, and the inputs that the
    answer does not contain.
    """
    outputs_of_answer = {
        name: value
        for name, value in camel(answer.to_dict(mode="json")).items()
        if name in schema.outputs_of(resource) and (value is not None or name in given)
    }
    return {**given, **{name: in_form_of(given.get(name), value) for name, value in outputs_of_answer.items()}}


def in_form_of(given: Any, now: Any) -> Any:
    """Returns a value from the Cloudflare API without the object members that the Pulumi input `given` does not set.
    Cloudflare adds defaults for such members, which Pulumi would otherwise show as changes.
    """
    if isinstance(given, dict) and isinstance(now, dict):
        current = cast(Properties, now)
        return {name: in_form_of(value, current.get(name)) for name, value in cast(Properties, given).items()}
    return now


def camel(value: Any) -> Any:
    """Returns a JSON value with Pulumi's spelling of member names: `main_module` becomes `mainModule`."""
    if isinstance(value, dict):
        members = cast(Properties, value).items()
        return {re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), name): camel(member) for name, member in members}
    if isinstance(value, list):
        return [camel(item) for item in cast(list[Any], value)]
    return value


def snake(value: Any) -> Any:
    """Converts the member names in a JSON value from Pulumi's spelling to that of the Cloudflare API: `mainModule`
    becomes `main_module`. Members that are None are left out.
    """
    if isinstance(value, dict):
        members = cast(Properties, value).items()
        return {
            re.sub(r"([A-Z])", lambda m: "_" + m[1].lower(), name): snake(member)
            for name, member in members
            if member is not None
        }
    if isinstance(value, list):
        return [snake(item) for item in cast(list[Any], value)]
    return value
