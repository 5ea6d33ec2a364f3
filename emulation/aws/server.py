"""Serves the emulated AWS API of a sandbox (emulated clouds on this machine). All AWS services share one address.

The emulation uses the library moto, and replaces the parts of moto that differ from AWS.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
import threading
from typing import Any, cast

import moto.ec2.models.elastic_ip_addresses as elastic_ips
import moto.ec2.models.elastic_network_interfaces as interfaces
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]  documented, yet not exported by name
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)
from werkzeug.serving import make_server

from emulation.aws.alarms import Alarms, patch_alarms
from emulation.aws.bucket_metrics import patch_bucket_metrics
from emulation.aws.bucket_names import patch_bucket_names
from emulation.aws.bucket_policies import patch_bucket_policies
from emulation.aws.certificates import patch_certificates
from emulation.aws.changes import Changes
from emulation.aws.conditional_copies import patch_conditional_copies
from emulation.aws.conditional_reads import patch_conditional_reads
from emulation.aws.conditional_writes import patch_conditional_writes
from emulation.aws.delete_markers import patch_delete_markers
from emulation.aws.dns_answers import add_dns_answers
from emulation.aws.global_accelerator import add_service as add_global_accelerator
from emulation.aws.global_tables import GlobalTables, patch_global_tables
from emulation.aws.images import WITHOUT_IMAGES
from emulation.aws.instance_metadata import InstanceMetadata
from emulation.aws.keys import patch_replicas
from emulation.aws.lambda_code import FunctionCode, patch_lambda
from emulation.aws.locks import patch_object_lock
from emulation.aws.observed import RequestOutcomes, ServiceMetrics
from emulation.aws.outages import Outages
from emulation.aws.permissions import Permissions
from emulation.aws.permissions_boundaries import patch_permissions_boundaries
from emulation.aws.public_addresses import patch_address_associations
from emulation.aws.reboots import Reboots, patch_reboots
from emulation.aws.record_sets import patch_record_sets
from emulation.aws.replication import Replication
from emulation.aws.replication_rules import patch_replication_rules
from emulation.aws.requests import S3Addresses, addressed_object
from emulation.aws.response_methods import patch_response_methods
from emulation.aws.service_names import patch_service_names
from emulation.aws.table_limits import patch_table_limits
from emulation.aws.tables import patch_tables
from emulation.aws.web_identity import google_keys, patch_web_identity
from emulation.layout import AWS_PORT, Sandbox
from emulation.log import NoRequestLog
from emulation.origin_requests import RequestCounter
from emulation.pki import Authority


def serve(sandbox: Sandbox) -> None:
    """Serves the emulated AWS API on `sandbox.aws_address` until the process is ended."""
    os.environ.update(WITHOUT_IMAGES)
    patch_service_names()
    patch_response_methods()
    patch_public_addresses(sandbox.machine_network)
    patch_address_associations()
    patch_reboots()
    patch_bucket_names()
    patch_bucket_policies()
    patch_replicas()
    patch_conditional_copies()
    patch_conditional_writes()
    patch_conditional_reads()
    patch_delete_markers()
    patch_permissions_boundaries()
    patch_tables()
    patch_table_limits()
    patch_global_tables()
    patch_lambda(sandbox.aws_url)
    patch_bucket_metrics()
    patch_alarms()
    patch_object_lock()
    patch_replication_rules()
    patch_certificates(lambda: Authority(sandbox.path("pki", "edge-ca.pem").parent))
    patch_record_sets()
    add_dns_answers()
    add_global_accelerator(sandbox.accelerator_network)
    patch_web_identity(google_keys(sandbox.gcp_url))
    outages = Outages(Permissions(cast(Any, DomainDispatcherApplication)(create_backend_app)))
    replication = Replication(outages, outages.is_down)
    outcomes = RequestOutcomes(replication)
    s3 = RequestCounter(outcomes, addressed_object)
    watched = Alarms(s3, ServiceMetrics(outcomes, replication.waiting))
    application = Changes(S3Addresses(Reboots(InstanceMetadata(FunctionCode(GlobalTables(watched))))))
    make_server(
        sandbox.aws_address, AWS_PORT, cast(Any, application), threaded=True, request_handler=NoRequestLog
    ).serve_forever()


def patch_public_addresses(network: str) -> None:
    """Makes moto assign public addresses from the sandbox's loopback network, one after the other. moto would assign
    random addresses, on which machines in the sandbox could not listen.

    DNS records, security groups and outputs contain the addresses unchanged. moto has no setting for this. The function
    therefore replaces moto's address generator in both modules that use it.
    """
    hosts = itertools.cycle([str(host) for host in ipaddress.ip_network(network).hosts()])
    lock = threading.Lock()

    def next_address() -> str:
        with lock:
            return next(hosts)

    cast(Any, elastic_ips).random_ip = next_address
    cast(Any, interfaces).random_public_ip = next_address
