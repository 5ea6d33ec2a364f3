"""Implements the Pulumi resources for SNS topics, topic policies and topic subscriptions in the emulated AWS
provider.
"""

from __future__ import annotations

import json

import pulumi_aws as aws

from emulation.providers.aws.clients import removed_tags, tag_list, tag_map, tags_output
from emulation.providers.aws.described import Api, Described
from emulation.providers.aws.documents import in_given_form
from emulation.providers.handler import CloudError, Handler, Properties


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves SNS topics, topic policies and
    subscriptions."""
    return [
        Described(
            aws.sns.Topic,
            "sns",
            make=_make_topic,
            describe=_describe_topic,
            remove=lambda sns, id, state: sns.delete_topic(TopicArn=id),
            change=_change_topic,
            replace_on=frozenset({"name", "region"}),
        ),
        Described(
            aws.sns.TopicPolicy,
            "sns",
            make=_put_policy,
            describe=_describe_policy,
            remove=_restore_default_policy,
            change=lambda sns, id, old, new: _put_policy(sns, new),
            replace_on=frozenset({"arn", "region"}),
        ),
        Described(
            aws.sns.TopicSubscription,
            "sns",
            make=_subscribe,
            describe=_describe_subscription,
            remove=lambda sns, id, state: sns.unsubscribe(SubscriptionArn=id),
            replace_on=frozenset({"topic", "protocol", "endpoint", "region"}),
        ),
    ]


def _make_topic(sns: Api, inputs: Properties) -> str:
    unknown = inputs.keys() - {"name", "kmsMasterKeyId", "tags", "region"}
    if unknown:
        raise CloudError(f"topics with {', '.join(sorted(unknown))} are not emulated")
    key = {"KmsMasterKeyId": inputs["kmsMasterKeyId"]} if "kmsMasterKeyId" in inputs else {}
    arn: str = sns.create_topic(Name=inputs["name"], Attributes=key, Tags=tag_list(inputs.get("tags")))["TopicArn"]
    return arn


def _change_topic(sns: Api, id: str, old: Properties, new: Properties) -> None:
    key = new.get("kmsMasterKeyId", "")
    sns.set_topic_attributes(TopicArn=id, AttributeName="KmsMasterKeyId", AttributeValue=key)
    if gone := removed_tags(old, new):
        sns.untag_resource(ResourceArn=id, TagKeys=gone)
    if new.get("tags"):
        sns.tag_resource(ResourceArn=id, Tags=tag_list(new["tags"]))


def _describe_topic(sns: Api, id: str, state: Properties) -> Properties | None:
    attributes = sns.get_topic_attributes(TopicArn=id)["Attributes"]
    tags = tag_map(sns.list_tags_for_resource(ResourceArn=id)["Tags"])
    key = attributes.get("KmsMasterKeyId")
    return {
        "name": id.rsplit(":", 1)[1],
        "arn": id,
        "owner": attributes["Owner"],
        "region": sns.meta.region_name,
        **({"kmsMasterKeyId": key} if key or "kmsMasterKeyId" in state else {}),
        **tags_output(tags, state),
    }


def _put_policy(sns: Api, inputs: Properties) -> str:
    sns.set_topic_attributes(TopicArn=inputs["arn"], AttributeName="Policy", AttributeValue=inputs["policy"])
    return inputs["arn"]


def _describe_policy(sns: Api, id: str, state: Properties) -> Properties | None:
    attributes = sns.get_topic_attributes(TopicArn=id)["Attributes"]
    policy = in_given_form(attributes["Policy"], state.get("policy"))
    return {"arn": id, "owner": attributes["Owner"], "policy": policy, "region": sns.meta.region_name}


def _restore_default_policy(sns: Api, id: str, state: Properties) -> None:
    """Replaces the policy of an SNS topic by the default policy, which allows access for the account. The policy cannot
    be deleted, because a topic always has a policy (SNS Developer Guide).
    """
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{id.split(':')[4]}:root"},
        "Action": ["sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:DeleteTopic", "sns:Publish"],
        "Resource": id,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=id, AttributeName="Policy", AttributeValue=document)


def _subscribe(sns: Api, inputs: Properties) -> str:
    """Subscribes an endpoint to an SNS topic. Returns the ARN of the subscription. An e-mail subscription is pending
    until the recipient confirms the subscription. SNS gives the ARN of a pending subscription only to the caller who
    created it.
    """
    unknown = inputs.keys() - {"topic", "protocol", "endpoint", "region"}
    if unknown:
        raise CloudError(f"subscriptions with {', '.join(sorted(unknown))} are not emulated")
    arn: str = sns.subscribe(
        TopicArn=inputs["topic"], Protocol=inputs["protocol"], Endpoint=inputs["endpoint"], ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    return arn


def _describe_subscription(sns: Api, id: str, state: Properties) -> Properties | None:
    attributes = sns.get_subscription_attributes(SubscriptionArn=id)["Attributes"]
    return {
        "arn": id,
        "topic": attributes["TopicArn"],
        "protocol": attributes["Protocol"],
        "endpoint": attributes["Endpoint"],
        "region": sns.meta.region_name,
    }
