"""S3 buckets and the settings that pulumi-aws keeps as resources of their own."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from lab.providers.aws.client import Aws, listed, mapped, unless_gone
from lab.providers.aws.shapes import as_asked, from_aws, to_aws
from lab.providers.protocol import ProviderError
from lab.providers.table import Found, Kind
from lab.providers.values import Object

_ACCESS: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_BATCH: Final = 1000
"""Objects of one DeleteObjects call: S3's own limit."""


def _outputs(aws: Aws, bucket: str, inputs: Object) -> Object:
    return {
        "arn": f"arn:aws:s3:::{bucket}",
        "bucketDomainName": f"{bucket}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{bucket}.s3.{aws.region}.amazonaws.com",
        "bucketRegion": aws.region,
        "region": aws.region,
        "tagsAll": aws.tags(inputs),
    }


def _create_bucket(aws: Aws, inputs: Object) -> tuple[str, Object]:
    s3, bucket = aws("s3"), inputs["bucket"]
    if unless_gone(lambda: s3.head_bucket(Bucket=bucket)) is not None:
        # us-east-1 answers 200 to the second creation of one's own bucket, so it is asked first, as Terraform does.
        raise ProviderError(
            f"creating S3 Bucket ({bucket}): BucketAlreadyExists: it is there; import it, or choose another name."
        )
    place = {} if aws.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
    s3.create_bucket(
        Bucket=bucket, **place, **({"ObjectLockEnabledForBucket": True} if inputs.get("objectLockEnabled") else {})
    )
    _tag_bucket(aws, bucket, inputs)
    return bucket, _outputs(aws, bucket, inputs)


def _tag_bucket(aws: Aws, bucket: str, inputs: Object) -> None:
    tags = aws.tags(inputs)
    if tags:
        aws("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": listed(tags)})
    else:
        aws("s3").delete_bucket_tagging(Bucket=bucket)


def _read_bucket(aws: Aws, bucket: str, inputs: Object, _state: Object) -> Found | None:
    s3 = aws("s3")
    if unless_gone(lambda: s3.head_bucket(Bucket=bucket)) is None:
        return None
    try:
        live = mapped(s3.get_bucket_tagging(Bucket=bucket)["TagSet"])
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        live = {}
    drifted = {"bucket": bucket, **aws.own_tags(live, inputs)}
    return Found({**_outputs(aws, bucket, {**inputs, **drifted}), "tagsAll": live}, drifted)


def _update_bucket(aws: Aws, bucket: str, inputs: Object, _state: Object) -> Object:
    _tag_bucket(aws, bucket, inputs)
    return _outputs(aws, bucket, inputs)


def _delete_bucket(aws: Aws, bucket: str, state: Object) -> None:
    s3 = aws("s3")
    if unless_gone(lambda: s3.head_bucket(Bucket=bucket)) is None:
        return
    if state.get("forceDestroy"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, MaxKeys=_BATCH):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                every = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
                s3.delete_objects(Bucket=bucket, Delete={"Objects": every})
    s3.delete_bucket(Bucket=bucket)


def setting(
    field: str,
    put: Callable[[Any, str, Any], Any],
    get: Callable[[Any, str], Any],
    remove: Callable[[Any, str], Any],
    *,
    inputs: tuple[str, ...] = (),
) -> Kind[Aws]:
    """Return the kind of one setting of a bucket; its ID is the bucket's name.

    put, get and remove take an S3 client and the bucket; put also takes, and get returns, the value of `field` in
    AWS' own shape.
    """

    def create(aws: Aws, given: Object) -> tuple[str, Object]:
        put(aws("s3"), given["bucket"], to_aws(given[field]))
        return given["bucket"], {}

    def update(aws: Aws, bucket: str, given: Object, _state: Object) -> Object:
        put(aws("s3"), bucket, to_aws(given[field]))
        return {}

    def read(aws: Aws, bucket: str, given: Object, _state: Object) -> Found | None:
        live = unless_gone(lambda: get(aws("s3"), bucket))
        if live is None:
            return None
        drifted: Object = {"bucket": bucket}
        if not as_asked(to_aws(given.get(field)), live):
            drifted[field] = from_aws(live)
        return Found({}, drifted)

    def delete(aws: Aws, bucket: str, _state: Object) -> None:
        unless_gone(lambda: remove(aws("s3"), bucket))

    return Kind(
        inputs=("bucket", field, "expectedBucketOwner", *inputs),
        create=create,
        read=read,
        update=update,
        delete=delete,
        replaces=("bucket", "expectedBucketOwner"),
        documents=("policy",),
        delete_first=True,
    )


def _put_access(aws: Aws, inputs: Object) -> tuple[str, Object]:
    asked = {name: bool(inputs.get(name)) for name in _ACCESS}
    aws("s3").put_public_access_block(Bucket=inputs["bucket"], PublicAccessBlockConfiguration=to_aws(asked))
    return inputs["bucket"], {}


def _read_access(aws: Aws, bucket: str, inputs: Object, _state: Object) -> Found | None:
    answer = unless_gone(lambda: aws("s3").get_public_access_block(Bucket=bucket))
    if answer is None:
        return None
    live: Mapping[str, bool] = from_aws(answer["PublicAccessBlockConfiguration"])
    drifted = {name: live.get(name, False) for name in _ACCESS if live.get(name, False) != inputs.get(name, False)}
    return Found({}, {"bucket": bucket, **drifted})


def _unset_versioning(s3: Any, bucket: str) -> None:
    # A bucket that was ever versioned can only be suspended.
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def _put_versioning(s3: Any, bucket: str, value: Any) -> None:
    # "Disabled" is pulumi's word for never having been versioned, which S3 takes no request for.
    if value.get("Status") != "Disabled":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=value)


def _get_versioning(s3: Any, bucket: str) -> Any:
    answer = s3.get_bucket_versioning(Bucket=bucket)
    return {"Status": answer.get("Status", "Disabled")}


KINDS: Final[dict[str, Kind[Aws]]] = {
    "aws:s3/bucket:Bucket": Kind(
        inputs=("bucket", "forceDestroy", "objectLockEnabled", "tags"),
        create=_create_bucket,
        read=_read_bucket,
        update=_update_bucket,
        delete=_delete_bucket,
        computed=("arn", "bucketDomainName", "bucketRegionalDomainName", "bucketRegion", "region", "tagsAll"),
        replaces=("bucket", "objectLockEnabled"),
        named="bucket",
        lower_case=True,
        preview=lambda aws, inputs: {"region": aws.region, "tagsAll": aws.tags(inputs)},
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Kind(
        inputs=("bucket", *_ACCESS),
        create=_put_access,
        read=_read_access,
        update=lambda aws, _bucket, inputs, _state: _put_access(aws, inputs)[1],
        delete=lambda aws, bucket, _state: unless_gone(lambda: aws("s3").delete_public_access_block(Bucket=bucket)),
        replaces=("bucket",),
        delete_first=True,
    ),
    "aws:s3/bucketPolicy:BucketPolicy": setting(
        "policy",
        lambda s3, bucket, value: s3.put_bucket_policy(Bucket=bucket, Policy=value),
        lambda s3, bucket: s3.get_bucket_policy(Bucket=bucket)["Policy"],
        lambda s3, bucket: s3.delete_bucket_policy(Bucket=bucket),
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": setting(
        "rules",
        lambda s3, bucket, value: s3.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": value}
        ),
        lambda s3, bucket: s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"],
        lambda s3, bucket: s3.delete_bucket_encryption(Bucket=bucket),
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": setting(
        "rules",
        lambda s3, bucket, value: s3.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": value}
        ),
        lambda s3, bucket: s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"],
        lambda s3, bucket: s3.delete_bucket_lifecycle(Bucket=bucket),
    ),
    "aws:s3/bucketVersioning:BucketVersioning": setting(
        "versioningConfiguration", _put_versioning, _get_versioning, _unset_versioning
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": setting(
        "rule",
        lambda s3, bucket, value: s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [value]}),
        lambda s3, bucket: s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"][0],
        lambda s3, bucket: s3.delete_bucket_ownership_controls(Bucket=bucket),
    ),
}
