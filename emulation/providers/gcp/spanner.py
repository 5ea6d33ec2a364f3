"""Implements the Spanner resources of the emulated Google Cloud provider: instances, databases, backup schedules, and
grants of roles on databases.
"""

from __future__ import annotations

from collections.abc import Iterable

import pulumi_gcp as gcp

from emulation.providers.gcp.iam import IamMember
from emulation.providers.gcp.rest import Clients, Rest, picked, without_none
from emulation.providers.handler import Handler, Properties

_SPANNER = "spanner/v1/projects/"
_DATABASE_SETTINGS = ("versionRetentionPeriod", "enableDropProtection")
_INSTANCE_SETTINGS = ("processingUnits", "edition", "labels", "defaultBackupScheduleType")


def handlers(clients: Clients) -> Iterable[Handler]:
    """Returns the handlers of Spanner resources. In the list, a resource type comes after the types that it depends
    on.
    """
    return [
        Rest(
            gcp.spanner.Instance,
            clients,
            collection=lambda inputs: f"{_SPANNER}{inputs['project']}/instances",
            request=lambda inputs: {
                "instanceId": inputs["name"],
                "instance": {"config": inputs["config"], "displayName": inputs["displayName"], **_instance(inputs)},
            },
            outputs=lambda document: picked(document, "config", "displayName", *_INSTANCE_SETTINGS),
            id_from=_SPANNER,
            changed=_instance,
            replace_on=frozenset({"project", "name", "config", "displayName"}),
        ),
        Rest(
            gcp.spanner.Database,
            clients,
            collection=lambda inputs: f"{_SPANNER}{inputs['project']}/instances/{inputs['instance']}/databases",
            request=lambda inputs: without_none(
                {
                    "createStatement": f'CREATE DATABASE "{inputs["name"]}"',
                    "databaseDialect": inputs.get("databaseDialect"),
                    **_database(inputs),
                }
            ),
            outputs=lambda document: {
                "ddls": document.get("extraStatements"),
                **picked(document, *_DATABASE_SETTINGS),
            },
            id_from=_SPANNER,
            changed=_database,
            replace_on=frozenset({"project", "instance", "name", "databaseDialect"}),
        ),
        Rest(
            gcp.spanner.BackupSchedule,
            clients,
            collection=lambda inputs: (
                f"{_SPANNER}{_database_path(inputs)}/backupSchedules?backupScheduleId={inputs['name']}"
            ),
            request=_schedule,
            outputs=lambda document: {
                "spec": {"cronSpec": {"text": document["spec"]["cronSpec"]["text"]}},
                "retentionDuration": document["retentionDuration"],
                "fullBackupSpec": document.get("fullBackupSpec"),
                "incrementalBackupSpec": document.get("incrementalBackupSpec"),
            },
            id_from=_SPANNER,
            changed=lambda inputs: picked(_schedule(inputs), "spec", "retentionDuration"),
            replace_on=frozenset(
                {"project", "instance", "database", "name", "fullBackupSpec", "incrementalBackupSpec"}
            ),
        ),
        DatabaseMember(clients),
    ]


class DatabaseMember(IamMember):
    """Creates, reads and deletes grants that give one member (such as a user) an IAM role on one Spanner database."""

    def __init__(self, clients: Clients) -> None:
        super().__init__(gcp.spanner.DatabaseIAMMember, clients, "database", _SPANNER)
        self.replace_on = self.replace_on | {"project", "instance"}

    def _resource_path(self, inputs: Properties) -> str:
        return _database_path(inputs)


def _database_path(inputs: Properties) -> str:
    return f"{inputs['project']}/instances/{inputs['instance']}/databases/{inputs['database']}"


def _schedule(inputs: Properties) -> Properties:
    return picked(inputs, "spec", "retentionDuration", "fullBackupSpec", "incrementalBackupSpec")


def _instance(inputs: Properties) -> Properties:
    return picked(inputs, *_INSTANCE_SETTINGS)


def _database(inputs: Properties) -> Properties:
    statements = without_none({"extraStatements": inputs.get("ddls")})
    return {**statements, **picked(inputs, *_DATABASE_SETTINGS)}
