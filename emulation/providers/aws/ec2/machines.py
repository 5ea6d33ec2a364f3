"""Creates, reads, changes and deletes EC2 instances and Elastic IP addresses for the emulated AWS provider. An Elastic
IP address stays the same when its instance is replaced.

Instances and associations of addresses have no names that must be unique. To replace an instance or an association,
Pulumi therefore creates the new one before it deletes the old one (Pulumi, "deleteBeforeReplace").
"""

from __future__ import annotations

import base64
from typing import Any

import pulumi_aws as aws

from emulation.layout import AWS_ACCOUNT_ID
from emulation.providers.aws.clients import tags_of
from emulation.providers.aws.described import Api, Described
from emulation.providers.aws.ec2.tags import change_tags, only, tags
from emulation.providers.handler import CloudError, Handler, Properties, ReplacedBeforeDeletion


class _Unnamed(Described, ReplacedBeforeDeletion):
    """The handler of an EC2 resource type whose resources need no unique names. Pulumi can therefore create the
    replacement of a resource before it deletes the old resource.
    """


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves EC2 instances and their public addresses."""
    return [
        _Unnamed(
            aws.ec2.Instance,
            "ec2",
            make=_make_instance,
            describe=_describe_instance,
            remove=lambda ec2, id, state: ec2.terminate_instances(InstanceIds=[id]),
            change=_change_instance,
            replace_on=frozenset(
                {
                    "ami",
                    "subnetId",
                    "vpcSecurityGroupIds",
                    "iamInstanceProfile",
                    "userData",
                    "userDataBase64",
                    "metadataOptions",
                    "rootBlockDevice",
                    "associatePublicIpAddress",
                    "region",
                }
            ),
        ),
        Described(
            aws.ec2.Eip,
            "ec2",
            make=_make_address,
            describe=_describe_address,
            remove=_remove_address,
            change=_change_address,
            replace_on=frozenset({"domain", "region"}),
        ),
        _Unnamed(
            aws.ec2.EipAssociation,
            "ec2",
            make=_associate,
            describe=_describe_association,
            remove=_disassociate,
            replace_on=frozenset({"allocationId", "instanceId", "region"}),
        ),
    ]


def _make_instance(ec2: Api, inputs: Properties) -> str:
    root = inputs.get("rootBlockDevice", {})
    request: dict[str, Any] = {
        "ImageId": inputs["ami"],
        "InstanceType": inputs["instanceType"],
        "SubnetId": inputs["subnetId"],
        "SecurityGroupIds": inputs.get("vpcSecurityGroupIds", []),
        "UserData": base64.b64decode(inputs.get("userDataBase64", "")) or inputs.get("userData", ""),
        "MinCount": 1,
        "MaxCount": 1,
        "MetadataOptions": {
            "HttpTokens": inputs.get("metadataOptions", {}).get("httpTokens", "optional"),
            "HttpPutResponseHopLimit": inputs.get("metadataOptions", {}).get("httpPutResponseHopLimit", 1),
        },
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {
                    "Encrypted": root.get("encrypted", False),
                    "VolumeSize": root.get("volumeSize", 8),
                    "VolumeType": root.get("volumeType", "gp3"),
                },
            }
        ],
        **tags("instance", inputs),
    }
    if "associatePublicIpAddress" in inputs:
        # EC2 accepts `AssociatePublicIpAddress` only in a network interface. A request with a network interface must
        # name the subnet and the security groups in the network interface, and not in the instance (EC2 API Reference,
        # "InstanceNetworkInterfaceSpecification").
        request["NetworkInterfaces"] = [
            {
                "DeviceIndex": 0,
                "SubnetId": request.pop("SubnetId"),
                "Groups": request.pop("SecurityGroupIds"),
                "AssociatePublicIpAddress": inputs["associatePublicIpAddress"],
            }
        ]
    if inputs.get("iamInstanceProfile"):
        request["IamInstanceProfile"] = {"Name": inputs["iamInstanceProfile"]}
    return ec2.run_instances(**request)["Instances"][0]["InstanceId"]


def _change_instance(ec2: Api, id: str, old: Properties, new: Properties) -> None:
    """Changes the tags of an instance. Pulumi's provider stops an instance to change its type
    (hashicorp/terraform-provider-aws, `modifyInstanceAttributeWithStopStart`), which the emulated EC2 cannot do.
    """
    if old["instanceType"] != new["instanceType"]:
        raise CloudError(f"{id}: the emulated EC2 stops no machine to change instanceType; replace the machine")
    change_tags(ec2, id, old, new)


def _describe_instance(ec2: Api, id: str, state: Properties) -> Properties | None:
    instance = only(ec2.describe_instances(InstanceIds=[id])["Reservations"])
    instance = instance and only(instance["Instances"])
    if instance is None or instance["State"]["Name"] in ("terminated", "shutting-down"):
        return None
    return {
        "ami": instance["ImageId"],
        "instanceType": instance["InstanceType"],
        "subnetId": instance["SubnetId"],
        "arn": f"arn:aws:ec2:{ec2.meta.region_name}:{AWS_ACCOUNT_ID}:instance/{id}",
        "availabilityZone": instance["Placement"]["AvailabilityZone"],
        "instanceState": instance["State"]["Name"],
        "privateIp": instance["PrivateIpAddress"],
        "publicIp": instance.get("PublicIpAddress", ""),
        **tags_of(instance, state),
    }


def _make_address(ec2: Api, inputs: Properties) -> str:
    id = ec2.allocate_address(Domain="vpc", **tags("elastic-ip", inputs))["AllocationId"]
    if inputs.get("instance"):
        ec2.associate_address(AllocationId=id, InstanceId=inputs["instance"])
    return id


def _change_address(ec2: Api, id: str, old: Properties, new: Properties) -> None:
    """Changes an Elastic IP address in place: associates the address with another instance, and changes its tags.

    Without the input `instance`, the address stays associated with its instance, because another resource may manage
    the association (Terraform Registry, "aws_eip": the argument is optional and computed).
    """
    if new.get("instance") and new["instance"] != old.get("instance"):
        address = ec2.describe_addresses(AllocationIds=[id])["Addresses"][0]
        if address.get("AssociationId"):
            ec2.disassociate_address(AssociationId=address["AssociationId"])
        ec2.associate_address(AllocationId=id, InstanceId=new["instance"])
    change_tags(ec2, id, old, new)


def _remove_address(ec2: Api, id: str, state: Properties) -> None:
    address = ec2.describe_addresses(AllocationIds=[id])["Addresses"][0]
    if address.get("AssociationId"):
        ec2.disassociate_address(AssociationId=address["AssociationId"])
    ec2.release_address(AllocationId=id)


def _describe_address(ec2: Api, id: str, state: Properties) -> Properties | None:
    address = only(ec2.describe_addresses(AllocationIds=[id])["Addresses"])
    return address and {
        "allocationId": id,
        "publicIp": address["PublicIp"],
        "domain": address["Domain"],
        "instance": address.get("InstanceId"),
        **tags_of(address, state),
    }


def _associate(ec2: Api, inputs: Properties) -> str:
    """Associates a public address with an instance. If another instance has the address, EC2 moves the address, unless
    the request forbids the move (EC2 API Reference, "AssociateAddress").
    """
    address = ec2.associate_address(
        AllocationId=inputs["allocationId"],
        InstanceId=inputs["instanceId"],
        AllowReassociation=inputs.get("allowReassociation", True),
    )
    return address["AssociationId"]


def _association(ec2: Api, id: str) -> Properties | None:
    return only(ec2.describe_addresses(Filters=[{"Name": "association-id", "Values": [id]}])["Addresses"])


def _describe_association(ec2: Api, id: str, state: Properties) -> Properties | None:
    address = _association(ec2, id)
    return address and {
        "allocationId": address["AllocationId"],
        "instanceId": address["InstanceId"],
        "publicIp": address["PublicIp"],
    }


def _disassociate(ec2: Api, id: str, state: Properties) -> None:
    if _association(ec2, id) is not None:
        ec2.disassociate_address(AssociationId=id)
