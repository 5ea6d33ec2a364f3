"""The Pulumi components of the network's tiers, with one Python package for each tier.

`__init__.py` of a package holds the components' arguments and, where one component can replace another, the Protocol
that they share. A module for each product holds the component: `blobs/s3.py` and `blobs/gcs.py`, `shield/ec2.py` and
`shield/gce.py`. Where both clouds call their product by one name (VPC, IAM, KMS), the module and the class bear the
cloud's name: `network/aws.py` and `network/gcp.py`.

Tests mirror the packages. The type token of a component is part of the state of each stack and never changes.
"""
