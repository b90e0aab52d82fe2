"""IAM roles and policies, and the EKS associations that give a role to pods."""

import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

from lab.providers.aws.client import Aws, listed, mapped, unless_gone
from lab.providers.table import Found, Kind, same_document
from lab.providers.values import Object

_ROLE_FIELDS: Final = {
    "description": "Description",
    "maxSessionDuration": "MaxSessionDuration",
    "path": "Path",
    "permissionsBoundary": "PermissionsBoundary",
}


_ASSOCIATION: Final = ("clusterName", "namespace", "serviceAccount", "roleArn")
_ASSOCIATION_OUTPUTS: Final = ("associationArn", "associationId", "tagsAll")


def _text(document: Any) -> str:
    """Return a policy as text: IAM hands documents back decoded."""
    return document if isinstance(document, str) else json.dumps(document)


def _role_outputs(aws: Aws, role: Any, inputs: Object) -> Object:
    return {
        "arn": role["Arn"],
        "uniqueId": role["RoleId"],
        "createDate": role["CreateDate"].isoformat(),
        "tagsAll": aws.tags(inputs),
    }


def _create_role(aws: Aws, inputs: Object) -> tuple[str, Object]:
    given = {theirs: inputs[own] for own, theirs in _ROLE_FIELDS.items() if own in inputs}
    role = aws("iam").create_role(
        RoleName=inputs["name"],
        AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
        Tags=listed(aws.tags(inputs)),
        **given,
    )["Role"]
    return inputs["name"], _role_outputs(aws, role, inputs)


def _read_role(aws: Aws, name: str, inputs: Object, _state: Object) -> Found | None:
    answer = unless_gone(lambda: aws("iam").get_role(RoleName=name))
    if answer is None:
        return None
    role = answer["Role"]
    live = mapped(role.get("Tags"))
    drifted: Object = {"name": name, "assumeRolePolicy": _text(role["AssumeRolePolicyDocument"])}
    drifted |= {
        own: role[theirs]
        for own, theirs in _ROLE_FIELDS.items()
        if own in inputs and theirs in role and role[theirs] != inputs[own]
    }
    drifted |= aws.own_tags(live, inputs)
    return Found({**_role_outputs(aws, role, inputs), "tagsAll": live}, drifted)


def _update_role(aws: Aws, name: str, inputs: Object, state: Object) -> Object:
    iam = aws("iam")
    if not same_document(state.get("assumeRolePolicy"), inputs["assumeRolePolicy"]):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=inputs["assumeRolePolicy"])
    iam.update_role(
        RoleName=name,
        Description=inputs.get("description", ""),
        MaxSessionDuration=inputs.get("maxSessionDuration", 3600),
    )
    tags = aws.tags(inputs)
    surplus = [tag for tag in state.get("tagsAll", {}) if tag not in tags]
    if surplus:
        iam.untag_role(RoleName=name, TagKeys=surplus)
    iam.tag_role(RoleName=name, Tags=listed(tags))
    return _role_outputs(aws, iam.get_role(RoleName=name)["Role"], inputs)


def _delete_role(aws: Aws, name: str, state: Object) -> None:
    iam = aws("iam")
    if state.get("forceDetachPolicies"):
        for each in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=each["PolicyArn"])
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
    unless_gone(lambda: iam.delete_role(RoleName=name))


def _put_role_policy(aws: Aws, inputs: Object) -> tuple[str, Object]:
    aws("iam").put_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"])
    return f"{inputs['role']}:{inputs['name']}", {}


def _read_role_policy(aws: Aws, identifier: str, _inputs: Object, _state: Object) -> Found | None:
    role, _, name = identifier.partition(":")
    answer = unless_gone(lambda: aws("iam").get_role_policy(RoleName=role, PolicyName=name))
    if answer is None:
        return None
    return Found({}, {"role": role, "name": name, "policy": _text(answer["PolicyDocument"])})


def _delete_role_policy(aws: Aws, identifier: str, _state: Object) -> None:
    role, _, name = identifier.partition(":")
    unless_gone(lambda: aws("iam").delete_role_policy(RoleName=role, PolicyName=name))


def _attach(aws: Aws, inputs: Object) -> tuple[str, Object]:
    aws("iam").attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
    return f"{inputs['role']}/{inputs['policyArn']}", {}


def _read_attachment(aws: Aws, identifier: str, _inputs: Object, _state: Object) -> Found | None:
    role, _, arn = identifier.partition("/")
    answer = unless_gone(lambda: aws("iam").list_attached_role_policies(RoleName=role))
    attached = {each["PolicyArn"] for each in answer["AttachedPolicies"]} if answer else set()
    return Found({}, {"role": role, "policyArn": arn}) if arn in attached else None


def _detach(aws: Aws, identifier: str, _state: Object) -> None:
    role, _, arn = identifier.partition("/")
    unless_gone(lambda: aws("iam").detach_role_policy(RoleName=role, PolicyArn=arn))


def _association(aws: Aws, ask: Callable[[], Any], identifier: str, inputs: Object) -> Object:
    """Return an association's outputs, from the service's answer if it gives one.

    moto 5.2 has EKS, but no Pod Identity: it answers a bare 404. An association is then kept in state alone, which no
    pod of a lab would ever look up.
    """
    try:
        live = ask()["association"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        arn = f"arn:aws:eks:{aws.region}:{aws.account()}:podidentityassociation/{inputs['clusterName']}/{identifier}"
        live = {"associationArn": arn, "associationId": identifier}
    return {
        "associationArn": live["associationArn"],
        "associationId": live["associationId"],
        "tagsAll": aws.tags(inputs),
    }


def _associate(aws: Aws, inputs: Object) -> tuple[str, Object]:
    outputs = _association(
        aws,
        lambda: aws("eks").create_pod_identity_association(
            **{name: inputs[name] for name in _ASSOCIATION}, tags=aws.tags(inputs)
        ),
        f"a-{secrets.token_hex(8)}",
        inputs,
    )
    return outputs["associationId"], outputs


def _read_association(aws: Aws, identifier: str, inputs: Object, state: Object) -> Found | None:
    cluster = inputs.get("clusterName") or identifier.partition(",")[0]
    identifier = identifier.rpartition(",")[2]
    try:
        answer = aws("eks").describe_pod_identity_association(clusterName=cluster, associationId=identifier)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            return Found({name: state[name] for name in _ASSOCIATION_OUTPUTS if name in state}, {})
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    live = answer["association"]
    drifted = {name: live[name] for name in _ASSOCIATION if name in live}
    return Found(_association(aws, lambda: answer, identifier, {**inputs, **drifted}), drifted)


def _reassociate(aws: Aws, identifier: str, inputs: Object, _state: Object) -> Object:
    return _association(
        aws,
        lambda: aws("eks").update_pod_identity_association(
            clusterName=inputs["clusterName"], associationId=identifier, roleArn=inputs["roleArn"]
        ),
        identifier,
        inputs,
    )


def _dissociate(aws: Aws, identifier: str, state: Object) -> None:
    unless_gone(
        lambda: aws("eks").delete_pod_identity_association(clusterName=state["clusterName"], associationId=identifier)
    )


KINDS: Final[dict[str, Kind[Aws]]] = {
    "aws:iam/role:Role": Kind(
        inputs=("name", "assumeRolePolicy", "forceDetachPolicies", "tags", *_ROLE_FIELDS),
        create=_create_role,
        read=_read_role,
        update=_update_role,
        delete=_delete_role,
        computed=("arn", "uniqueId", "createDate", "tagsAll"),
        replaces=("name", "path"),
        documents=("assumeRolePolicy",),
        named="name",
        preview=lambda aws, inputs: {"tagsAll": aws.tags(inputs)},
    ),
    "aws:iam/rolePolicy:RolePolicy": Kind(
        inputs=("name", "role", "policy"),
        create=_put_role_policy,
        read=_read_role_policy,
        update=lambda aws, _id, inputs, _state: _put_role_policy(aws, inputs)[1],
        delete=_delete_role_policy,
        replaces=("name", "role"),
        documents=("policy",),
        named="name",
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Kind(
        inputs=("role", "policyArn"), create=_attach, read=_read_attachment, delete=_detach
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Kind(
        inputs=(*_ASSOCIATION, "tags"),
        create=_associate,
        read=_read_association,
        update=_reassociate,
        delete=_dissociate,
        computed=_ASSOCIATION_OUTPUTS,
        replaces=("clusterName", "namespace", "serviceAccount"),
        delete_first=True,
        preview=lambda aws, inputs: {"tagsAll": aws.tags(inputs)},
    ),
}
