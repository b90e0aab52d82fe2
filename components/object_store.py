"""One bucket per pillar, and the one identity that may use it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi
from pulumi_aws.eks import PodIdentityAssociation
from pulumi_aws.iam import Role, RolePolicy
from pulumi_aws.s3 import (
    Bucket,
    BucketLifecycleConfiguration,
    BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs,
    BucketLifecycleConfigurationRuleArgs,
    BucketLifecycleConfigurationRuleExpirationArgs,
    BucketLifecycleConfigurationRuleFilterArgs,
    BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs,
    BucketOwnershipControls,
    BucketOwnershipControlsRuleArgs,
    BucketPolicy,
    BucketPublicAccessBlock,
    BucketServerSideEncryptionConfiguration,
    BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs,
    BucketServerSideEncryptionConfigurationRuleArgs,
    BucketVersioning,
    BucketVersioningVersioningConfigurationArgs,
)

from components.values import buckets
from components.values import iam as policies
from components.values.context import Context
from settings import names
from settings.vocabulary import Pillar, WorkloadIdentity


class ObjectStore(pulumi.ComponentResource):
    """The region's buckets: private, encrypted, TLS only, emptied after retention; with a role for each.

    Names and ARNs follow from the settings, so that a chart's values never wait for an output.
    """

    buckets: pulumi.Output[Mapping[str, str]]
    """Bucket by pillar."""
    role_arns: pulumi.Output[Mapping[str, str]]
    """ARN of the role that may use it, by pillar."""

    def __init__(self, name: str, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("observability-platform:components:ObjectStore", name, None, opts)
        self._context = context
        made = {pillar: self._bucket(f"{name}-{pillar}", pillar) for pillar in Pillar}
        roles = {pillar: self._role(f"{name}-{pillar}", pillar) for pillar in Pillar}
        self.buckets = pulumi.Output.all(**{str(pillar): each.bucket for pillar, each in made.items()})
        self.role_arns = pulumi.Output.all(**{str(pillar): each.arn for pillar, each in roles.items()})
        self.register_outputs({"buckets": self.buckets, "roleArns": self.role_arns})

    def _bucket(self, name: str, pillar: Pillar) -> Bucket:
        context = self._context
        bucket = Bucket(
            f"{name}-bucket",
            bucket=names.bucket(context.platform, context.name, pillar),
            force_destroy=False,
            tags=buckets.tags(context, pillar),
            opts=pulumi.ResourceOptions(parent=self, protect=context.platform.deletion_protection),
        )
        child = pulumi.ResourceOptions(parent=self)
        BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            # Access is said by policies alone: access control lists are off.
            rule=BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child,
        )
        access = BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=json.dumps(policies.bucket_policy(context, pillar), sort_keys=True),
            # S3 refuses one of two changes to a bucket's access that arrive at once (OperationAborted).
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access]),
        )
        BucketServerSideEncryptionConfiguration(
            f"{name}-encryption", bucket=bucket.bucket, rules=[self._encryption()], opts=child
        )
        BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=BucketVersioningVersioningConfigurationArgs(status=buckets.VERSIONING),
            opts=child,
        )
        BucketLifecycleConfiguration(
            f"{name}-lifecycle", bucket=bucket.bucket, rules=self._lifecycle(pillar), opts=child
        )
        return bucket

    def _encryption(self) -> BucketServerSideEncryptionConfigurationRuleArgs:
        """Encrypt by the customer's key, or by S3's own.

        The bucket key asks KMS once per bucket and hour instead of once per object, which for small log chunks
        would cost more than storing them.
        """
        key = self._context.region.kms_key_arn
        default = BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="AES256" if key is None else "aws:kms", kms_master_key_id=key
        )
        return BucketServerSideEncryptionConfigurationRuleArgs(
            apply_server_side_encryption_by_default=default, bucket_key_enabled=key is not None
        )

    def _lifecycle(self, pillar: Pillar) -> list[BucketLifecycleConfigurationRuleArgs]:
        every_object = BucketLifecycleConfigurationRuleFilterArgs(prefix="")
        return [
            BucketLifecycleConfigurationRuleArgs(
                id="expire-past-retention",
                status="Enabled",
                filter=every_object,
                expiration=BucketLifecycleConfigurationRuleExpirationArgs(
                    days=buckets.expiration_days(self._context, pillar)
                ),
                noncurrent_version_expiration=BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                    noncurrent_days=buckets.NONCURRENT_DAYS
                ),
            ),
            BucketLifecycleConfigurationRuleArgs(
                id="abort-incomplete-uploads",
                status="Enabled",
                filter=every_object,
                abort_incomplete_multipart_upload=BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                    days_after_initiation=buckets.ABORT_UPLOADS_DAYS
                ),
            ),
        ]

    def _role(self, name: str, pillar: Pillar) -> Role:
        context = self._context
        account = policies.SERVICE_ACCOUNTS[pillar]
        role = Role(
            f"{name}-role",
            name=names.role(context.platform, context.name, pillar),
            description=f"Use the {pillar} bucket of {names.stack(context.environment, context.name)}",
            assume_role_policy=json.dumps(policies.trust(context, account), sort_keys=True),
            tags=buckets.tags(context, pillar),
            opts=pulumi.ResourceOptions(parent=self),
        )
        permission = RolePolicy(
            f"{name}-role-policy",
            name="use-bucket",
            role=role.name,
            policy=json.dumps(policies.use_bucket(context, pillar), sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        if context.region.cluster.identity is WorkloadIdentity.POD_IDENTITY:
            PodIdentityAssociation(
                f"{name}-pod-identity",
                cluster_name=context.region.cluster.name,
                namespace=names.NAMESPACE,
                service_account=account,
                role_arn=role.arn,
                tags=buckets.tags(context, pillar),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
            )
        return role
