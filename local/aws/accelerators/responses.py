"""The calls of the API, each by the name that moto makes of it."""

from __future__ import annotations

import json
from typing import Any, cast

from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from local.aws.accelerators.models import AcceleratorBackend, Shape, globalaccelerator_backends


class AcceleratorResponse(BaseResponse):
    """Whatever is not here, moto refuses as not implemented."""

    def __init__(self) -> None:
        super().__init__(service_name="globalaccelerator")

    @property
    def backend(self) -> AcceleratorBackend:
        return cast(Any, globalaccelerator_backends)[self.current_account][self.partition]

    @property
    def asked(self) -> Shape:
        return json.loads(cast(str, self.body))

    def create_accelerator(self) -> ActionResult:
        return ActionResult({"Accelerator": self.backend.create_accelerator(self.asked)})

    def describe_accelerator(self) -> ActionResult:
        return ActionResult({"Accelerator": self.backend.accelerator(self.asked["AcceleratorArn"])})

    def list_accelerators(self) -> ActionResult:
        return ActionResult({"Accelerators": list(self.backend.accelerators.values())})

    def update_accelerator(self) -> ActionResult:
        return ActionResult({"Accelerator": self.backend.update_accelerator(self.asked)})

    def delete_accelerator(self) -> EmptyResult:
        self.backend.delete_accelerator(self.asked["AcceleratorArn"])
        return EmptyResult()

    def create_listener(self) -> ActionResult:
        return ActionResult({"Listener": self.backend.create_listener(self.asked)})

    def describe_listener(self) -> ActionResult:
        return ActionResult({"Listener": self.backend.listener(self.asked["ListenerArn"])})

    def list_listeners(self) -> ActionResult:
        return self._children("Listeners", self.backend.listeners, self.asked["AcceleratorArn"])

    def update_listener(self) -> ActionResult:
        return ActionResult({"Listener": self.backend.update_listener(self.asked)})

    def delete_listener(self) -> EmptyResult:
        self.backend.delete_listener(self.asked["ListenerArn"])
        return EmptyResult()

    def create_endpoint_group(self) -> ActionResult:
        return ActionResult({"EndpointGroup": self.backend.create_group(self.asked)})

    def describe_endpoint_group(self) -> ActionResult:
        return ActionResult({"EndpointGroup": self.backend.group(self.asked["EndpointGroupArn"])})

    def list_endpoint_groups(self) -> ActionResult:
        return self._children("EndpointGroups", self.backend.groups, self.asked["ListenerArn"])

    def update_endpoint_group(self) -> ActionResult:
        return ActionResult({"EndpointGroup": self.backend.update_group(self.asked)})

    def delete_endpoint_group(self) -> EmptyResult:
        self.backend.delete_group(self.asked["EndpointGroupArn"])
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        tags = self.backend.tags.get(self.asked["ResourceArn"], {})
        return ActionResult({"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})

    def tag_resource(self) -> EmptyResult:
        tags = {tag["Key"]: tag["Value"] for tag in self.asked["Tags"]}
        self.backend.tags.setdefault(self.asked["ResourceArn"], {}).update(tags)
        return EmptyResult()

    def untag_resource(self) -> EmptyResult:
        for key in self.asked["TagKeys"]:
            self.backend.tags.get(self.asked["ResourceArn"], {}).pop(key, None)
        return EmptyResult()

    def _children(self, name: str, shapes: dict[str, Shape], parent: str) -> ActionResult:
        return ActionResult({name: [shape for arn, shape in shapes.items() if arn.startswith(f"{parent}/")]})
