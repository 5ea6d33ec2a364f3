"""Makes `pulumi up` wait until a new machine serves clients. The new machine then gets the fixed address of the old
machine, and Pulumi replaces the next machine.

After a machine has passed its health check, the machine writes its instance ID to its own parameter in Parameter Store.
A PoP machine that cannot serve before it has its fixed address writes this instead (`waits_for_its_address`). The
health port of a machine admits only health checkers, so `pulumi up` cannot ask the machine itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import iam
from infra.polling import Limit, wait_while_missing

# The maximum time in which a new machine must report that it serves clients. A machine usually needs two to four
# minutes. If the mirror of Debian packages is slow, a machine needs some minutes more.
_LIMIT_SECONDS = 20 * 60.0


def waits_for_its_address(instance_id: str) -> str:
    """Returns the report of a machine that lacks only what it gets from shields (regional caches).

    Shields admit PoP machines by their fixed addresses. A new PoP machine on EC2 cannot serve until it has the address
    of the machine that it replaces.
    """
    return f"{instance_id} waits for its address"


class NotServingError(pulumi.RunError):
    """Raised when a new machine does not report in time that it serves clients. The message names the machine and the
    remedy.
    """


@dataclass(frozen=True)
class ServingReports:
    """The parameters in Parameter Store in which machines report that they serve requests. Each machine has one
    parameter. The names of the parameters begin with `path`, and the parameters are in the AWS region `region`.
    """

    path: str
    region: str

    def parameter(self, machine: str) -> str:
        """Returns the name of the parameter in Parameter Store in which a machine reports that it serves requests."""
        return f"{self.path}/{machine}"

    def permission(self, account_id: str, machines: str) -> iam.Statement:
        """Returns the IAM statement that allows machines to report that they serve requests. Each machine writes its
        own parameter in Parameter Store. `machines` is a pattern that matches the names of the machines.
        """
        return iam.allow(
            "ssm:PutParameter", f"arn:aws:ssm:{self.region}:{account_id}:parameter{self.parameter(machines)}"
        )

    async def read(self) -> Mapping[str, str]:
        """Returns a mapping from the names of machines to the instance IDs in their latest reports."""
        found = await aws.ssm.get_parameters_by_path_output(
            path=self.path, region=self.region, with_decryption=False
        ).future()
        if found is None:
            return {}
        return {name.rpartition("/")[2]: value for name, value in zip(found.names, found.values, strict=True)}

    async def wait(self, machine: str, instance_id: str, meanwhile: str, *other_reports: str) -> None:
        """Waits until the machine reports that it serves clients. The report must be the given instance ID, or one of
        `other_reports`. `meanwhile` is a part of the messages to the operator. It says which other resources stay
        unchanged while `pulumi up` waits.

        Raises NotServingError after 20 minutes.
        """

        async def missing() -> str:
            found = (await self.read()).get(machine)
            return "" if found in (instance_id, *other_reports) else f"the report of {instance_id}"

        def not_serving(_missing: str) -> NotServingError:
            return NotServingError(
                f"{machine}: the new machine {instance_id} does not report that it serves; {meanwhile}. Look at its "
                f"serial console. Then repair the cause and run `pulumi up` again; it goes on from here"
            )

        def announcement(_missing: str) -> str:
            return (
                f"{machine}: waiting until the new machine {instance_id} serves; {meanwhile}. This takes some minutes; "
                f"`pulumi up` stops after {_LIMIT_SECONDS / 60:.0f}"
            )

        await wait_while_missing(missing, announcement, Limit(_LIMIT_SECONDS, not_serving))


def before_its_address_moves(
    reports: ServingReports,
    machine: str,
    instance: aws.ec2.Instance,
    allocation_id: pulumi.Output[str],
    region: str,
) -> pulumi.Output[str]:
    """Waits until a new EC2 instance may get the fixed address with the given allocation ID. Returns the new instance's
    ID.

    If an older instance has the address, the function waits until the new instance reports that it serves clients, or
    that it lacks only the address. The older instance keeps the address in the meantime. The function does not wait if
    no other instance has the address, or in a preview.
    """

    async def wait(known: list[str]) -> str:
        instance_id, allocation = known
        if not pulumi.runtime.is_dry_run():
            found = await aws.ec2.get_elastic_ip_output(id=allocation, region=region).future()
            holder = found.instance_id if found else ""
            if holder and holder != instance_id:
                report = waits_for_its_address(instance_id)
                await reports.wait(machine, instance_id, f"{holder} keeps the address", report)
        return instance_id

    return pulumi.Output.all(instance.id, allocation_id).apply(wait)


def when_it_serves(
    reports: ServingReports, machine: str, association: aws.ec2.EipAssociation
) -> pulumi.Output[pulumi.Resource]:
    """Waits until a machine serves clients at its fixed address. Returns the association of this address.

    The function does not wait if the machine has never reported anything, because its region is new. The function does
    not wait in a preview either.
    """

    async def wait(instance_id: str) -> pulumi.Resource:
        if not pulumi.runtime.is_dry_run() and machine in await reports.read():
            await reports.wait(machine, instance_id, "the region's next machine stays as it is")
        return association

    return association.instance_id.apply(wait)


def before_the_next_is_replaced(
    reports: ServingReports, machine: str, instance_id: pulumi.Output[str], next_machine: str
) -> pulumi.Output[bool]:
    """Returns an output that resolves to True when `machine` serves clients. Pulumi may then replace `next_machine`,
    the next machine of the same region.

    The function does not wait if `next_machine` has never reported that it serves clients. In this case the region is
    new, so Pulumi may create its machines at the same time. The function does not wait in a preview either.
    """

    async def wait(known: str) -> bool:
        if not pulumi.runtime.is_dry_run() and next_machine in await reports.read():
            await reports.wait(machine, known, f"{next_machine} stays as it is")
        return True

    return instance_id.apply(wait)
