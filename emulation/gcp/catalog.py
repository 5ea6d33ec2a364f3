"""Lists the resource types of the emulated Google Cloud: the API path and the accepted fields of each type.

Paths and fields are those of Google's REST references: Compute Engine v1, IAM v1, Cloud Storage JSON v1, Spanner v1,
Cloud KMS v1, Storage Transfer v1.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emulation import bucket_names
from emulation.gcp import boot_disks, firewalls

Json = dict[str, Any]


class Refused(Exception):
    """Raised when the emulated Google Cloud refuses a request. Holds the HTTP status and the message of the
    response.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Request:
    """A request to create a resource of the emulated Google Cloud. `names` contains the names in the request's URL
    path, such as that of the project. `id` is the id of the new resource.
    """

    names: Mapping[str, str]
    id: str
    free_addresses: Iterator[str]  # The public addresses of the sandbox (emulated clouds) that no resource uses yet.


def project_number(name: str) -> str:
    """Returns the number of a Google Cloud project. Google assigns arbitrary numbers; the emulation derives the number
    from the project's name."""
    return f"{int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10**12:012}"


def _member(name: str) -> Callable[[Json], Any]:
    """Returns a function that takes the JSON body of a request and returns the value of the body's field `name`. If the
    field is missing, that function returns an empty object.
    """
    return lambda body: body.get(name, {})


def _name(body: Json) -> Any:
    return body.get("name")


def _unchanged(body: Json) -> Json:
    return body


def _no_parameters(request: Request) -> Json:
    return {}


@dataclass(frozen=True)
class Collection:
    """A collection of the emulated Google Cloud API, which contains all resources of one type.

    `path` is the collection's URL path, with placeholders in braces for the names of parent resources. `identity` reads
    the id of a new resource from the body of the request. An id must have at least `shortest` and at most `longest`
    characters.

    If `computed_id` is set, it is the name of a computed field. The value of this field then replaces the id in the
    resource's path. `listed` is the name of the field that contains the resources in the response to a list request. If
    `listed` is empty, the collection refuses list requests.
    """

    path: str
    fields: frozenset[str]
    required: frozenset[str]
    changeable: frozenset[str] = frozenset()
    identity: Callable[[Json], Any] = _name
    body: Callable[[Json], Json] = _unchanged
    computed: Callable[[Request], Json] = _no_parameters
    computed_id: str = ""
    listed: str = ""
    shortest: int = 1
    longest: int = 63


def _collection(path: str, required: str, optional: str = "", changeable: str = "", **more: Any) -> Collection:
    needed = frozenset(required.split())
    allowed = needed | frozenset(optional.split()) | frozenset(changeable.split())
    return Collection(path, allowed, needed, frozenset(changeable.split()), **more)


def _free_address(request: Request) -> Json:
    address = next(request.free_addresses, None)
    if address is None:
        raise Refused(429, "no public address is free")
    return {"address": address}


def _email(request: Request) -> Json:
    email = f"{request.id}@{request.names['project']}.iam.gserviceaccount.com"
    return {"email": email, "uniqueId": str(10**20 + secrets.randbelow(10**20)), **_no_bindings(request)}


def _new_machine(body: Json) -> Json:
    problem = boot_disks.problem_of(body)
    if problem is not None:
        raise Refused(400, problem)
    return body


def _firewall_rule(body: Json) -> Json:
    problem = firewalls.problem_of(body)
    if problem is not None:
        raise Refused(400, problem)
    return body


def _running(request: Request) -> Json:
    return {"id": str(10**18 + secrets.randbelow(10**18)), "status": "RUNNING"}


def _no_bindings(request: Request) -> Json:
    return {"iam": {"bindings": []}}


def _job_name(body: Json) -> Any:
    return str(body.get("name", "")).removeprefix("transferJobs/")


def _without_id(body: Json) -> Json:
    """Returns the JSON document of a new Cloud KMS resource or Spanner backup schedule. `body` has the fields of the
    create request, including the id from the query string. The document omits the id.
    """
    return {name: value for name, value in body.items() if name not in ("keyRingId", "cryptoKeyId", "backupScheduleId")}


def _new_bucket(request: Request) -> Json:
    if not bucket_names.is_valid_on_cloud_storage(request.id):
        raise Refused(400, f"Invalid bucket name: '{request.id}'")
    if bucket_names.is_taken(request.id):
        raise Refused(409, bucket_names.NOT_AVAILABLE)
    return _no_bindings(request)


def _bucket_body(body: Json) -> Json:
    """Returns the JSON document of a new Cloud Storage bucket. `body` is the JSON body of the create request, together
    with two of the request's query parameters, `project` and `enableObjectRetention`. The document omits the project.
    It contains the setting for object retention, which cannot be disabled later.
    """
    given = {name: value for name, value in body.items() if name != "project"}
    enabled = given.pop("enableObjectRetention", "false") == "true"
    return given | ({"objectRetention": {"mode": "Enabled"}} if enabled else {})


def _database_body(body: Json) -> Json:
    return {name: value for name, value in body.items() if name != "createStatement"}


def _database_name(body: Json) -> Any:
    """Returns the name of a new Spanner database from its `CREATE DATABASE` statement. Depending on the SQL dialect,
    the name may be in backticks or in double quotes.
    """
    return str(body.get("createStatement", "")).rsplit(" ", 1)[-1].strip('`"')


_PROJECT = "projects/{project}"

COLLECTIONS = (
    _collection(f"compute/v1/{_PROJECT}/global/networks", "name autoCreateSubnetworks"),
    _collection(
        f"compute/v1/{_PROJECT}/regions/{{region}}/subnetworks",
        "name network ipCidrRange",
        changeable="privateIpGoogleAccess",
    ),
    _collection(
        f"compute/v1/{_PROJECT}/global/firewalls",
        "name network",
        "direction",
        changeable="allowed denied sourceRanges destinationRanges priority",
        body=_firewall_rule,
    ),
    _collection(
        f"compute/v1/{_PROJECT}/regions/{{region}}/addresses", "name", changeable="labels", computed=_free_address
    ),
    _collection(
        f"compute/v1/{_PROJECT}/zones/{{zone}}/instances",
        "name machineType disks networkInterfaces",
        "serviceAccounts shieldedInstanceConfig",
        changeable="metadata labels",
        body=_new_machine,
        computed=_running,
    ),
    _collection(
        f"iam/v1/{_PROJECT}/serviceAccounts",
        "",
        changeable="displayName iam",
        identity=_member("accountId"),
        body=_member("serviceAccount"),
        computed=_email,
        # The id of a service account is the first part of the account's email address. The API path of the service
        # account contains the whole email address. The limits on the length of the id are from the IAM API,
        # "projects.serviceAccounts".
        computed_id="email",
        shortest=6,
        longest=30,
    ),
    _collection(
        "storage/v1/b",
        "name location",
        "customPlacementConfig objectRetention",
        changeable="rpo iamConfiguration versioning softDeletePolicy lifecycle labels iam encryption logging",
        body=_bucket_body,
        computed=_new_bucket,
        listed="items",
    ),
    _collection(
        "storagetransfer/v1/transferJobs",
        "name projectId transferSpec schedule status",
        changeable="description",
        identity=_job_name,
    ),
    _collection(
        f"cloudkms/v1/{_PROJECT}/locations/{{location}}/keyRings", "", identity=_member("keyRingId"), body=_without_id
    ),
    _collection(
        f"cloudkms/v1/{_PROJECT}/locations/{{location}}/keyRings/{{keyRing}}/cryptoKeys",
        "purpose",
        changeable="rotationPeriod nextRotationTime labels iam",
        identity=_member("cryptoKeyId"),
        body=_without_id,
        computed=_no_bindings,
    ),
    _collection(
        f"spanner/v1/{_PROJECT}/instances",
        "config displayName",
        changeable="processingUnits edition labels defaultBackupScheduleType",
        identity=_member("instanceId"),
        body=_member("instance"),
        listed="instances",
    ),
    _collection(
        f"spanner/v1/{_PROJECT}/instances/{{instance}}/databases",
        "",
        "databaseDialect",
        changeable="extraStatements versionRetentionPeriod enableDropProtection iam",
        identity=_database_name,
        body=_database_body,
        computed=_no_bindings,
    ),
    _collection(
        f"spanner/v1/{_PROJECT}/instances/{{instance}}/databases/{{database}}/backupSchedules",
        "spec retentionDuration",
        "fullBackupSpec incrementalBackupSpec",
        changeable="spec retentionDuration",
        identity=_member("backupScheduleId"),
        body=_without_id,
    ),
)
