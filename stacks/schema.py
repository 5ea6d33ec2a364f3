"""The JSON Schema of a whole `Pulumi.<environment>.yaml`, made from the models that check the config.

Editors use the schema to complete keys and values and to mark mistakes. The schema contains no rule that concerns
several keys together. Only the Pulumi program checks such rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract.regions import REGIONS
from stacks.config import NAMESPACE, StackConfig
from stacks.config.values import PROJECT_ID

SCHEMA = Path(__file__).with_name("pulumi-config.schema.json")
# The first line of each stack's config file, which names the schema (YAML Language Server, "Using inlined schema").
EDITOR_LINE = f"# yaml-language-server: $schema={SCHEMA.name}"


def schema() -> Mapping[str, Any]:
    """Returns the JSON Schema of a stack's config file, draft 2020-12.

    The schema accepts any value of a setting outside of the namespace `artifact-edge`, because such settings belong to
    Pulumi and its providers.
    """
    ours = StackConfig.model_json_schema()
    config: dict[str, Any] = {
        "type": "object",
        "description": ours["description"],
        "properties": {
            "aws:region": {
                "description": "an AWS region: where the secrets between the tiers are",
                "enum": sorted(name for name, region in REGIONS.items() if region.cloud == "aws"),
            },
            "gcp:project": {
                "description": "a project id: the project that everything on Google Cloud belongs to",
                "type": "string",
                "pattern": f"^{PROJECT_ID.pattern}$",
            },
            **{f"{NAMESPACE}:{name}": found for name, found in ours["properties"].items()},
        },
        "required": ["aws:region", *(f"{NAMESPACE}:{name}" for name in ours["required"])],
        "patternProperties": {f"^(?!{NAMESPACE}:)[^:]+:": {}},
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "artifact-edge: the config of a stack",
        "type": "object",
        "properties": {
            "config": config,
            "encryptionsalt": {"type": "string", "description": "written by Pulumi where a passphrase guards secrets"},
            "secretsprovider": {"type": "string", "description": "the key that guards secrets (docs/state.md)"},
            "encryptedkey": {"type": "string", "description": "written by Pulumi where a cloud's key guards secrets"},
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": ours["$defs"],
    }


def text() -> str:
    """Returns the text of the file that holds the JSON Schema of stack config."""
    return json.dumps(schema(), indent=2) + "\n"
