"""Changes that let a stack's resources use keys, code and images of other accounts. Tests make each change, and a
policy must report it.
"""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, put_only

_OWN, _CODE = "multi-resource-references-in-own-accounts", "multi-function-code-from-program"
_FUNCTION = "aws:lambda/function:Function"
_SERVICE = "gcp:cloudrunv2/service:Service"
_KEY = "arn:aws:kms:us-east-1:999999999999:key/mrk-1"
_GOOGLE_KEY = "projects/other/locations/us/keyRings/r/cryptoKeys/k"
_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_REPLICA_KEY = "rules.0.destination.encryptionConfiguration.replicaKmsKeyId"
_TARGET = {"onFailure": {"destinationArn": "arn:aws:sqs:us-east-1:999999999999:q"}}
_LAYER = "arn:aws:lambda:us-east-1:999999999999:layer:x:1"
_CERTIFICATE = "arn:aws:acm:us-east-1:999999999999:certificate/x"

MUTATIONS = [
    Mutation(
        _OWN,
        ["aws:cloudwatch/eventTarget:EventTarget"],
        "the function of others",
        put_only("arn", "arn:aws:lambda:us-east-1:999999999999:function:x"),
    ),
    Mutation(_OWN, ["aws:dynamodb/table:Table"], "the key of others", put("replicas.0.kmsKeyArn", _KEY)),
    Mutation(_OWN, ["aws:ec2/instance:Instance"], "the key of others", put("rootBlockDevice.kmsKeyId", _KEY)),
    Mutation(_OWN, ["aws:kms/alias:Alias"], "the key of others", put_only("targetKeyId", _KEY)),
    Mutation(_OWN, ["aws:kms/replicaKey:ReplicaKey"], "a copy of a key of others", put_only("primaryKeyArn", _KEY)),
    Mutation(
        _OWN,
        ["aws:lambda/eventSourceMapping:EventSourceMapping"],
        "failed events go to others",
        put_only("destinationConfig", _TARGET),
    ),
    Mutation(_OWN, [_FUNCTION], "a layer of others", put("layers", [_LAYER])),
    Mutation(
        _OWN,
        ["aws:s3/bucketReplicationConfig:BucketReplicationConfig"],
        "replicas under a key of others",
        put(_REPLICA_KEY, _KEY),
    ),
    Mutation(
        _OWN,
        [_ENCRYPTION],
        "the key of others",
        put_only("rules", [{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": _KEY}}]),
    ),
    Mutation(_OWN, ["aws:ssm/parameter:Parameter"], "the certificate of others", put_only("value", _CERTIFICATE)),
    Mutation(
        _OWN,
        ["gcp:compute/instance:Instance"],
        "the image of others",
        put("bootDisk.initializeParams.image", "projects/other/global/images/x"),
    ),
    Mutation(
        _OWN,
        ["gcp:spanner/database:Database"],
        "the key of others",
        put("encryptionConfig", {"kmsKeyName": _GOOGLE_KEY}),
    ),
    Mutation(
        _OWN,
        ["gcp:storage/bucket:Bucket"],
        "the key of others",
        put("encryption", {"defaultKmsKeyName": _GOOGLE_KEY}),
    ),
    Mutation(
        _OWN, [_SERVICE], "the account of others", put("template.serviceAccount", "x@other.iam.gserviceaccount.com")
    ),
    Mutation(_CODE, [_FUNCTION], "an image", put("imageUri", "other/x:1")),
    Mutation(_CODE, [_SERVICE], "another image", put("template.containers.0.image", "other/x:1")),
]
