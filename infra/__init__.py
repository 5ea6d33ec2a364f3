"""The Pulumi components of the network's tiers, with one Python package for each tier.

`__init__.py` of a package holds the components' arguments. If the package has components that can replace each other,
`__init__.py` also holds the Protocol of these components. The component for a product is in a module with the product's
name: `blobs/s3.py` and `blobs/gcs.py`, `shield/ec2.py` and `shield/gce.py`. If both clouds use the same product name
(VPC, IAM, KMS), the module and the class have the cloud's name: `network/aws.py` and `network/gcp.py`.

Tests mirror the packages. The type token of a component is part of the state of each stack and never changes.
"""
