"""Policies for machines: the machine type, the service account or role, hardening, and user data without secrets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from fnmatch import fnmatchcase

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import cis_aws, cis_gcp, foundational, nist, well_architected
from policies.framework.declare import each_resource, given, part, parts, setting
from policies.framework.kinds import kind
from policies.framework.secrets import GZIP_IN_BASE64, secrets_in

EC2_INSTANCE = "aws:ec2/instance:Instance"
EC2_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
EBS_VOLUME = "aws:ebs/volume:Volume"
GCE_INSTANCE = "gcp:compute/instance:Instance"
_SERVICE = "gcp:cloudrunv2/service:Service"
GCE_TEMPLATE = "gcp:compute/instanceTemplate:InstanceTemplate"
# Endings of the names of default service accounts that Google Cloud creates in every project. These accounts have the
# basic role Editor.
_DEFAULT_ACCOUNTS = ("-compute@developer.gserviceaccount.com", "@appspot.gserviceaccount.com")
# Google's guest agent runs the value of an instance metadata entry as a script if the entry's name contains one of
# these strings (Compute Engine, "Startup scripts").
_SCRIPTS = ("startup-script", "shutdown-script", "sysprep-specialize-script")


@each_resource(
    "aws-ec2-instance-imdsv2-required",
    "EC2's metadata service answers only requests from the machine itself, with a session token (IMDSv2).",
    of={EC2_INSTANCE, EC2_TEMPLATE},
    severity=Severity.HIGH,
    control=cis_aws("5.6"),
    fix='Set metadata_options to {"http_tokens": "required", "http_put_response_hop_limit": 1}',
)
def imdsv2_required(args: ResourceValidationArgs) -> Iterator[str]:
    options = part(args.props, "metadataOptions")
    if options.get("httpEndpoint") == "disabled":
        return
    if options.get("httpTokens") != "required":
        yield f"http_tokens is {options.get('httpTokens')!r}"
    # The Pulumi program must set the hop limit to 1 explicitly, because a machine image may set the default to 2. With
    # a hop limit of 2, containers on the machine can reach the metadata service.
    if options.get("httpPutResponseHopLimit") != 1:
        yield f"http_put_response_hop_limit is {options.get('httpPutResponseHopLimit')!r}"


@each_resource(
    "aws-ec2-volume-encrypted",
    "Every EBS volume is encrypted. Compute Engine always encrypts.",
    of={EC2_INSTANCE, EBS_VOLUME},
    severity=Severity.HIGH,
    control=foundational("EC2.3"),
    fix="Set encrypted to true",
)
def volume_encrypted(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == EBS_VOLUME:
        if args.props.get("encrypted") is not True:
            yield "the volume is not encrypted"
        return
    if part(args.props, "rootBlockDevice").get("encrypted") is not True:
        yield "the root volume is not encrypted"
    for device in parts(args.props, "ebsBlockDevices"):
        if device.get("encrypted") is not True:
            yield f"volume {device.get('deviceName')} is not encrypted"


@each_resource(
    "gcp-compute-instance-hardened",
    "Compute Engine machines verify what they boot, and allow neither the project's SSH keys nor a serial console.",
    of={GCE_INSTANCE},
    severity=Severity.MEDIUM,
    control=cis_gcp("4.3, 4.5, 4.8"),
    fix="Enable all of shielded_instance_config; set metadata block-project-ssh-keys true and serial-port-enable false",
)
def instance_hardened(args: ResourceValidationArgs) -> Iterator[str]:
    shielded = part(args.props, "shieldedInstanceConfig")
    for name in ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring"):
        if shielded.get(name) is not True:
            yield f"{name} is not true"
    metadata = part(args.props, "metadata")
    if str(metadata.get("block-project-ssh-keys")).lower() not in ("true", "1"):
        yield "the project's SSH keys can log in"
    if str(metadata.get("serial-port-enable", "false")).lower() not in ("false", "0"):
        yield "the serial console is open"


@each_resource(
    "multi-machine-identity-dedicated",
    "Every machine and service has an identity of its own, with permissions that were chosen for it.",
    of={EC2_INSTANCE, GCE_INSTANCE, _SERVICE},
    severity=Severity.HIGH,
    control=cis_gcp("4.1, 4.2"),
    fix="Give it an instance profile, or a service account that the program creates",
)
def identity_dedicated(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == EC2_INSTANCE:
        if not given(args.props, "iamInstanceProfile"):
            yield "it has no instance profile"
        return
    name, holder = (
        ("serviceAccount", part(args.props, "template"))
        if kind(args) == _SERVICE
        else ("email", part(args.props, "serviceAccount"))
    )
    if not given(holder, name) or str(holder.get(name)).endswith(_DEFAULT_ACCOUNTS):
        yield "it has a default service account of the project, or none"


@each_resource(
    "multi-machine-forwarding-and-login-keys-off",
    "Machines forward no packets of other machines, and have no SSH keys for logins.",
    of={EC2_INSTANCE, GCE_INSTANCE},
    severity=Severity.MEDIUM,
    control=cis_gcp("4.6"),
    fix="Leave source_dest_check, can_ip_forward, key_name and the metadata ssh-keys out",
)
def forwarding_and_login_keys_off(args: ResourceValidationArgs) -> Iterator[str]:
    if args.props.get("sourceDestCheck") is False or args.props.get("canIpForward") is True:
        yield "it can forward packets of other machines"
    if given(args.props, "keyName") or given(part(args.props, "metadata"), "ssh-keys"):
        yield "it has an SSH key for logins"


@each_resource(
    "multi-machine-type-allowed",
    "Machines have a type that the environment allows.",
    of={EC2_INSTANCE, GCE_INSTANCE},
    severity=Severity.MEDIUM,
    control=well_architected("COST02-BP05"),
    fix="Use a smaller type, or allow this one in the pack's configuration of the environment",
    config={"types": {"type": "array", "items": {"type": "string"}, "default": ["*"]}},
)
def machine_type_allowed(args: ResourceValidationArgs) -> Iterator[str]:
    allowed = setting(args, "types", ["*"])
    found = str(args.props.get("instanceType" if kind(args) == EC2_INSTANCE else "machineType"))
    if not any(fnmatchcase(found, pattern) for pattern in allowed):
        yield f"{found} is not among {', '.join(allowed)}"


@each_resource(
    "multi-machine-user-data-without-secrets",
    "The user data of machines holds no secret. Everybody who may describe the machine can read it.",
    of={EC2_INSTANCE, EC2_TEMPLATE, GCE_INSTANCE, GCE_TEMPLATE},
    severity=Severity.CRITICAL,
    control=well_architected("SEC02-BP03"),
    fix="Keep the secret in Secrets Manager, and let the machine read it at boot with its own identity",
)
def user_data_without_secrets(args: ResourceValidationArgs) -> Iterator[str]:
    for name, text in _user_data_and_scripts(args):
        for found in secrets_in(text):
            yield f"{name} seems to hold {found}"


@each_resource(
    "gcp-compute-instance-startup-scripts-off",
    "Machines on Google Cloud run no startup or shutdown scripts, which can be changed and fetched from elsewhere.",
    of={GCE_INSTANCE, GCE_TEMPLATE},
    severity=Severity.HIGH,
    control=nist("CM-7"),
    fix="Put what the machine runs into its user data",
)
def startup_scripts_off(args: ResourceValidationArgs) -> Iterator[str]:
    if given(args.props, "metadataStartupScript"):
        yield "metadataStartupScript is set"
    for name in part(args.props, "metadata"):
        if any(each in name for each in _SCRIPTS):
            yield f"the metadata has {name}"


@each_resource(
    "multi-machine-not-interruptible",
    "The cloud does not take machines away: they are neither spot nor preemptible, and restart after a failure.",
    of={EC2_INSTANCE, EC2_TEMPLATE, GCE_INSTANCE, GCE_TEMPLATE},
    severity=Severity.HIGH,
    control=well_architected("REL11-BP01"),
    fix="Leave instance_market_options and scheduling out",
)
def not_interruptible(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) in (EC2_INSTANCE, EC2_TEMPLATE):
        if part(args.props, "instanceMarketOptions").get("marketType") == "spot":
            yield "its market type is spot"
        return
    scheduling = part(args.props, "scheduling")
    if scheduling.get("preemptible") is True:
        yield "preemptible is true"
    if (model := scheduling.get("provisioningModel") or "STANDARD") != "STANDARD":
        yield f"provisioningModel is {model}"
    if scheduling.get("maxRunDuration"):
        yield "maxRunDuration ends it"
    if scheduling.get("automaticRestart") is False:
        yield "automaticRestart is false"


def _user_data_and_scripts(args: ResourceValidationArgs) -> Iterator[tuple[str, str]]:
    if text := args.props.get("userData"):
        yield "userData", _decoded(str(text)) if kind(args) == EC2_TEMPLATE else str(text)
    if text := args.props.get("userDataBase64"):
        yield "userDataBase64", _decoded(str(text))
    if text := args.props.get("metadataStartupScript"):
        yield "metadataStartupScript", str(text)
    for name, text in part(args.props, "metadata").items():
        yield f"metadata {name}", str(text)


def _decoded(text: str) -> str:
    """Returns a machine's user data decoded from base64. Compressed user data stays encoded, because `secrets_in`
    unpacks it as cloud-init does.
    """
    if text.startswith(GZIP_IN_BASE64):
        return text
    try:
        return base64.b64decode(text).decode(errors="replace")
    except binascii.Error:
        return text


POLICIES: list[Policy] = [
    imdsv2_required,
    volume_encrypted,
    instance_hardened,
    identity_dedicated,
    forwarding_and_login_keys_off,
    machine_type_allowed,
    user_data_without_secrets,
    startup_scripts_off,
    not_interruptible,
]
