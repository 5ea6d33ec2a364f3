"""The CloudWatch alarms of a stack, their dashboard, and the SNS topics that notify people."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra import iam
from infra.keys.aws import ADMINISTRATION
from infra.observability import CloudWatchAlarm, CloudWatchObservabilityArgs
from infra.observability.cloudwatch_dashboard import body


class CloudWatchObservability(pulumi.ComponentResource):
    """All CloudWatch alarms of a stack, an SNS topic in each region with alarms, and one dashboard.

    The dashboard has a row for each tier (a part of the network, such as the DNS). `topic_arns` maps the name of each
    region to the ARN of its topic.
    """

    topic_arns: dict[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: CloudWatchObservabilityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("artifact-edge:observability:Observability", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        # Each region with alarms has a separate SNS topic, because CloudWatch publishes to topics of its own region
        # only.
        self.topic_arns = {region: self._topic(region) for region in sorted({alarm.region for alarm in args.alarms})}
        alarms = [(alarm, self._alarm(alarm).arn) for alarm in sorted(args.alarms, key=lambda alarm: alarm.name)]
        dashboard = aws.cloudwatch.Dashboard(
            name, dashboard_name=args.prefix, dashboard_body=pulumi.Output.json_dumps(body(alarms)), opts=self._child
        )
        self.register_outputs({"topic_arns": self.topic_arns, "dashboard_arn": dashboard.dashboard_arn})

    def _topic(self, region: str) -> pulumi.Output[str]:
        """Creates an SNS topic for CloudWatch's alarms, and returns its ARN. The topic accepts messages only over TLS.

        The topic has a customer managed key. The policy of the AWS managed key for SNS (`alias/aws/sns`) does not admit
        CloudWatch and cannot be changed. A topic with the AWS managed key would silently drop alarms (AWS re:Post, "How
        do I configure a CloudWatch alarm to use an encrypted Amazon SNS topic?").
        """
        key = aws.kms.Key(
            region,
            region=region,
            description=f"Alarms of {self._args.prefix}, on their way to who is on call",
            enable_key_rotation=True,
            deletion_window_in_days=self._args.deletion_days,
            policy=self._account.apply(_key_policy),
            opts=self._child,
        )
        topic = aws.sns.Topic(
            region, region=region, name=f"{self._args.prefix}-alarms", kms_master_key_id=key.arn, opts=self._child
        )
        aws.sns.TopicPolicy(
            region,
            region=region,
            arn=topic.arn,
            policy=pulumi.Output.all(topic.arn, self._account).apply(lambda known: _topic_policy(known[0], known[1])),
            opts=self._child,
        )
        for email in self._args.emails:
            aws.sns.TopicSubscription(
                f"{region}-{email}", region=region, topic=topic.arn, protocol="email", endpoint=email, opts=self._child
            )
        return topic.arn

    def _alarm(self, alarm: CloudWatchAlarm) -> aws.cloudwatch.MetricAlarm:
        topic = self.topic_arns[alarm.region]
        return aws.cloudwatch.MetricAlarm(
            alarm.name,
            region=alarm.region,
            name=f"{self._args.prefix}-{alarm.name}",
            alarm_description=f"{alarm.fault}. What to do: {alarm.runbook}",
            namespace=alarm.namespace,
            metric_name=alarm.metric,
            dimensions=alarm.dimensions,
            statistic=alarm.statistic,
            period=alarm.period,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.periods,
            threshold=alarm.threshold,
            comparison_operator=alarm.comparison,
            treat_missing_data=alarm.missing,
            # true is the default of `actions_enabled`. The program sets the value, because `pulumi refresh` otherwise
            # does not detect that somebody has disabled the actions by hand.
            actions_enabled=True,
            alarm_actions=[topic],
            ok_actions=[topic],
            tags={"tier": alarm.tier},
            opts=self._child,
        )


def _key_policy(account: str) -> str:
    """Returns the policy of the KMS key for an SNS topic. In a key policy the resource `*` is the key itself."""
    return iam.document(
        iam.allow(ADMINISTRATION, "*", sid="Administer", principal=iam.account_root(account)),
        iam.allow(
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            "*",
            sid="EncryptAlarms",
            principal=iam.service("cloudwatch.amazonaws.com"),
            condition={"StringEquals": {"aws:SourceAccount": account}},
        ),
    )


def _topic_policy(topic: str, account: str) -> str:
    return iam.document(
        iam.allow(
            "sns:Publish",
            topic,
            sid="PublishAlarms",
            principal=iam.service("cloudwatch.amazonaws.com"),
            condition={"StringEquals": {"aws:SourceAccount": account}},
        ),
        iam.deny(
            "sns:Publish",
            topic,
            sid="RefusePlainText",
            principal="*",
            condition={"Bool": {"aws:SecureTransport": "false"}},
        ),
    )
