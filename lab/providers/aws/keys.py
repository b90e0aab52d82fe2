"""Secrets Manager secrets and KMS keys."""

from typing import Any, Final

from lab.providers.aws.client import Aws, listed, mapped, unless_gone
from lab.providers.table import Found, Kind
from lab.providers.values import Object

RECOVERY_DAYS: Final = 30
"""Days a deleted secret, or key, can be restored unless the program says otherwise (the resources' documentation)."""


def _secret_outputs(aws: Aws, arn: str, inputs: Object) -> Object:
    return {"arn": arn, "region": aws.region, "tagsAll": aws.tags(inputs)}


def _create_secret(aws: Aws, inputs: Object) -> tuple[str, Object]:
    given = {
        theirs: inputs[own]
        for own, theirs in (("description", "Description"), ("kmsKeyId", "KmsKeyId"))
        if own in inputs
    }
    answer = aws("secretsmanager").create_secret(Name=inputs["name"], Tags=listed(aws.tags(inputs)), **given)
    if "policy" in inputs:
        aws("secretsmanager").put_resource_policy(SecretId=answer["ARN"], ResourcePolicy=inputs["policy"])
    return answer["ARN"], _secret_outputs(aws, answer["ARN"], inputs)


def _read_secret(aws: Aws, arn: str, inputs: Object, _state: Object) -> Found | None:
    live = unless_gone(lambda: aws("secretsmanager").describe_secret(SecretId=arn))
    if live is None or "DeletedDate" in live:
        return None
    drifted: Object = {"name": live["Name"]}
    for own, theirs in (("description", "Description"), ("kmsKeyId", "KmsKeyId")):
        if (live.get(theirs) or "") != (inputs.get(own) or ""):
            drifted[own] = live.get(theirs, "")
    tags = mapped(live.get("Tags"))
    return Found(
        {**_secret_outputs(aws, live["ARN"], inputs), "tagsAll": tags}, {**drifted, **aws.own_tags(tags, inputs)}
    )


def _update_secret(aws: Aws, arn: str, inputs: Object, state: Object) -> Object:
    manager = aws("secretsmanager")
    key = {"KmsKeyId": inputs["kmsKeyId"]} if "kmsKeyId" in inputs else {}
    manager.update_secret(SecretId=arn, Description=inputs.get("description", ""), **key)
    if "policy" in inputs:
        manager.put_resource_policy(SecretId=arn, ResourcePolicy=inputs["policy"])
    tags = aws.tags(inputs)
    surplus = [tag for tag in state.get("tagsAll", {}) if tag not in tags]
    if surplus:
        manager.untag_resource(SecretId=arn, TagKeys=surplus)
    manager.tag_resource(SecretId=arn, Tags=listed(tags))
    return _secret_outputs(aws, arn, inputs)


def _delete_secret(aws: Aws, arn: str, state: Object) -> None:
    days = state.get("recoveryWindowInDays", RECOVERY_DAYS)
    how: Object = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
    unless_gone(lambda: aws("secretsmanager").delete_secret(SecretId=arn, **how))


def _put_version(aws: Aws, inputs: Object) -> tuple[str, Object]:
    stages = {"VersionStages": inputs["versionStages"]} if "versionStages" in inputs else {}
    answer = aws("secretsmanager").put_secret_value(
        SecretId=inputs["secretId"], SecretString=inputs["secretString"], **stages
    )
    outputs = {"arn": answer["ARN"], "secretArn": answer["ARN"], "versionId": answer["VersionId"]}
    return f"{inputs['secretId']}|{answer['VersionId']}", outputs


def _read_version(aws: Aws, identifier: str, inputs: Object, _state: Object) -> Found | None:
    secret, _, version = identifier.partition("|")
    live = unless_gone(lambda: aws("secretsmanager").get_secret_value(SecretId=secret, VersionId=version))
    if live is None:
        return None
    outputs = {"arn": live["ARN"], "secretArn": live["ARN"], "versionId": version}
    drifted = (
        {} if live.get("SecretString") == inputs.get("secretString") else {"secretString": live.get("SecretString")}
    )
    return Found(outputs, {"secretId": secret, **drifted})


def _leave_version(_aws: Aws, _identifier: str, _state: Object) -> None:
    """Leave the version where it is: the current one cannot be removed, and it goes with its secret."""


def _key_outputs(aws: Aws, key: Any, inputs: Object) -> Object:
    return {"arn": key["Arn"], "keyId": key["KeyId"], "tagsAll": aws.tags(inputs)}


def _create_key(aws: Aws, inputs: Object) -> tuple[str, Object]:
    fields = {
        "description": "Description",
        "policy": "Policy",
        "keyUsage": "KeyUsage",
        "customerMasterKeySpec": "KeySpec",
        "multiRegion": "MultiRegion",
    }
    given = {theirs: inputs[own] for own, theirs in fields.items() if own in inputs}
    key = aws("kms").create_key(Tags=listed(aws.tags(inputs), "TagKey", "TagValue"), **given)["KeyMetadata"]
    _rotate(aws, key["KeyId"], inputs)
    return key["KeyId"], _key_outputs(aws, key, inputs)


def _rotate(aws: Aws, key: str, inputs: Object) -> None:
    if inputs.get("enableKeyRotation"):
        aws("kms").enable_key_rotation(KeyId=key)


def _read_key(aws: Aws, key: str, inputs: Object, _state: Object) -> Found | None:
    kms = aws("kms")
    answer = unless_gone(lambda: kms.describe_key(KeyId=key))
    if answer is None or answer["KeyMetadata"]["KeyState"] == "PendingDeletion":
        return None
    live = answer["KeyMetadata"]
    drifted: Object = {}
    if live.get("Description", "") != inputs.get("description", ""):
        drifted["description"] = live["Description"]
    if "policy" in inputs:
        drifted["policy"] = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    rotating = kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    if rotating != bool(inputs.get("enableKeyRotation")):
        drifted["enableKeyRotation"] = rotating
    tags = mapped(kms.list_resource_tags(KeyId=key)["Tags"], "TagKey", "TagValue")
    return Found({**_key_outputs(aws, live, inputs), "tagsAll": tags}, {**drifted, **aws.own_tags(tags, inputs)})


def _update_key(aws: Aws, key: str, inputs: Object, state: Object) -> Object:
    kms = aws("kms")
    kms.update_key_description(KeyId=key, Description=inputs.get("description", ""))
    if "policy" in inputs:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=inputs["policy"])
    _rotate(aws, key, inputs)
    if state.get("enableKeyRotation") and not inputs.get("enableKeyRotation"):
        kms.disable_key_rotation(KeyId=key)
    tags = aws.tags(inputs)
    surplus = [tag for tag in state.get("tagsAll", {}) if tag not in tags]
    if surplus:
        kms.untag_resource(KeyId=key, TagKeys=surplus)
    kms.tag_resource(KeyId=key, Tags=listed(tags, "TagKey", "TagValue"))
    return _key_outputs(aws, kms.describe_key(KeyId=key)["KeyMetadata"], inputs)


def _delete_key(aws: Aws, key: str, state: Object) -> None:
    days = state.get("deletionWindowInDays", RECOVERY_DAYS)
    unless_gone(lambda: aws("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=days))


def _alias(aws: Aws, name: str) -> Any:
    for page in aws("kms").get_paginator("list_aliases").paginate():
        for alias in page["Aliases"]:
            if alias["AliasName"] == name:
                return alias
    return None


def _alias_outputs(aws: Aws, name: str) -> Object:
    alias = _alias(aws, name)
    key = aws("kms").describe_key(KeyId=alias["TargetKeyId"])["KeyMetadata"]
    return {"arn": alias["AliasArn"], "targetKeyArn": key["Arn"]}


def _create_alias(aws: Aws, inputs: Object) -> tuple[str, Object]:
    aws("kms").create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
    return inputs["name"], _alias_outputs(aws, inputs["name"])


def _read_alias(aws: Aws, name: str, inputs: Object, _state: Object) -> Found | None:
    alias = _alias(aws, name)
    if alias is None:
        return None
    outputs = _alias_outputs(aws, name)
    asked = inputs.get("targetKeyId")
    drifted = {} if asked in (alias["TargetKeyId"], outputs["targetKeyArn"]) else {"targetKeyId": alias["TargetKeyId"]}
    return Found(outputs, {"name": name, **drifted})


def _update_alias(aws: Aws, name: str, inputs: Object, _state: Object) -> Object:
    aws("kms").update_alias(AliasName=name, TargetKeyId=inputs["targetKeyId"])
    return _alias_outputs(aws, name)


KINDS: Final[dict[str, Kind[Aws]]] = {
    "aws:secretsmanager/secret:Secret": Kind(
        inputs=("name", "description", "kmsKeyId", "policy", "recoveryWindowInDays", "tags"),
        create=_create_secret,
        read=_read_secret,
        update=_update_secret,
        delete=_delete_secret,
        computed=("arn", "region", "tagsAll"),
        replaces=("name",),
        documents=("policy",),
        named="name",
        preview=lambda aws, inputs: {"region": aws.region, "tagsAll": aws.tags(inputs)},
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Kind(
        inputs=("secretId", "secretString", "versionStages"),
        create=_put_version,
        read=_read_version,
        delete=_leave_version,
        computed=("arn", "secretArn", "versionId"),
        secret=("secretString",),
    ),
    "aws:kms/key:Key": Kind(
        inputs=(
            "description",
            "policy",
            "keyUsage",
            "customerMasterKeySpec",
            "multiRegion",
            "enableKeyRotation",
            "deletionWindowInDays",
            "tags",
        ),
        create=_create_key,
        read=_read_key,
        update=_update_key,
        delete=_delete_key,
        computed=("arn", "keyId", "tagsAll"),
        replaces=("keyUsage", "customerMasterKeySpec", "multiRegion"),
        documents=("policy",),
        preview=lambda aws, inputs: {"tagsAll": aws.tags(inputs)},
    ),
    "aws:kms/alias:Alias": Kind(
        inputs=("name", "targetKeyId"),
        create=_create_alias,
        read=_read_alias,
        update=_update_alias,
        delete=lambda aws, name, _state: unless_gone(lambda: aws("kms").delete_alias(AliasName=name)),
        computed=("arn", "targetKeyArn"),
        replaces=("name",),
        named="name",
        name_prefix="alias/",
    ),
}
