"""Who may do what in AWS: policy documents, each to exactly one bucket or one list of secrets."""

from __future__ import annotations

from typing import Any

from components.values.context import Context
from settings import names
from settings.vocabulary import Pillar, WorkloadIdentity

Policy = dict[str, Any]
"""An IAM policy document."""

VERSION = "2012-10-17"
"""The policy language's current version; an older one knows no policy variables."""
SERVICE_ACCOUNTS = {
    Pillar.METRICS: "metrics-prometheus",
    Pillar.LOGS: "loki",
    Pillar.TRACES: "tempo",
}
"""ServiceAccount in the platform's namespace whose pods use a pillar's bucket."""
MINIMUM_TLS = "1.2"


def bucket_arn(context: Context, pillar: Pillar) -> str:
    """Return the ARN of a pillar's bucket, known before the bucket is."""
    return f"arn:aws:s3:::{names.bucket(context.platform, context.name, pillar)}"


def bucket_policy(context: Context, pillar: Pillar) -> Policy:
    """Return the resource policy of a bucket: nobody without TLS, nobody from another account.

    Who may do what inside the account is said by the roles; these denials hold whatever a role or a later
    grant says.
    """
    arn = bucket_arn(context, pillar)
    everything = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    account = context.region.aws_account_id
    return {
        "Version": VERSION,
        "Statement": [
            {"Sid": "DenyPlaintext", **everything, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Sid": "DenyOldTls", **everything, "Condition": {"NumericLessThan": {"s3:TlsVersion": MINIMUM_TLS}}},
            {
                # A request that AWS itself makes on the account's behalf carries no principal account.
                "Sid": "DenyOtherAccounts",
                **everything,
                "Condition": {
                    "StringNotEquals": {"aws:PrincipalAccount": account},
                    "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
                },
            },
        ],
    }


def use_bucket(context: Context, pillar: Pillar) -> Policy:
    """Return what a pillar's role may do: list, read, write and delete in its bucket, and nothing elsewhere.

    Deleting is needed, since the compactors of Loki, Tempo and Thanos enforce retention by deleting objects.
    """
    arn = bucket_arn(context, pillar)
    statements: list[dict[str, Any]] = [
        {
            "Sid": "ListBucket",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": [arn],
        },
        {
            "Sid": "UseObjects",
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            "Resource": [f"{arn}/*"],
        },
    ]
    if context.region.kms_key_arn is not None:
        statements.append(
            {
                # The key is shared by the region's buckets; the encryption context keeps a role to its own.
                # It is the bucket's ARN with a bucket key and the object's without.
                "Sid": "UseKey",
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": [context.region.kms_key_arn],
                "Condition": {"StringLike": {"kms:EncryptionContext:aws:s3:arn": [arn, f"{arn}/*"]}},
            }
        )
    return {"Version": VERSION, "Statement": statements}


def read_secrets(context: Context, secrets: list[str]) -> Policy:
    """Return what the secrets reader may do: read the named secrets of the region's store.

    Args:
        context: the region.
        secrets: names in the store. Secrets Manager appends a dash and six characters to make the ARN.
    """
    region = context.region
    prefix = f"arn:aws:secretsmanager:{region.aws_region}:{region.aws_account_id}:secret:"
    statements: list[dict[str, Any]] = [
        {
            "Sid": "ReadSecrets",
            "Effect": "Allow",
            "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            "Resource": [f"{prefix}{name}-??????" for name in sorted(set(secrets))],
        }
    ]
    if region.kms_key_arn is not None:
        service = f"secretsmanager.{region.aws_region}.amazonaws.com"
        statements.append(
            {
                "Sid": "UseKey",
                "Effect": "Allow",
                "Action": ["kms:Decrypt"],
                "Resource": [region.kms_key_arn],
                "Condition": {"StringEquals": {"kms:ViaService": service}},
            }
        )
    return {"Version": VERSION, "Statement": statements}


def trust(context: Context, service_account: str, namespace: str = names.NAMESPACE) -> Policy:
    """Return who may take a role: one service account of this cluster, proven as the region's settings choose.

    Args:
        context: the region.
        service_account: name of the ServiceAccount.
        namespace: its namespace.
    """
    if context.region.cluster.identity is WorkloadIdentity.IRSA:
        return _trust_issuer(context, service_account, namespace)
    return _trust_pod_identity(context, service_account, namespace)


def _trust_issuer(context: Context, service_account: str, namespace: str) -> Policy:
    issuer = context.region.cluster.oidc_provider
    account = context.region.aws_account_id
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{issuer}"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        f"{issuer}:aud": "sts.amazonaws.com",
                        f"{issuer}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                    }
                },
            }
        ],
    }


def _trust_pod_identity(context: Context, service_account: str, namespace: str) -> Policy:
    """Trust the EKS agent for one pod identity: without the tags any association in the account would do.

    Tags: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
    """
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {"StringEquals": _session_tags(context, service_account, namespace, "RequestTag")},
            }
        ],
    }


def trust_session(context: Context, service_account: str, namespace: str) -> Policy:
    """Return who may take a role from a role that it has already: one pod identity of this cluster.

    For a controller whose own role is not this program's. The account is the principal, and the session tags,
    which EKS sets and a caller cannot, say which pod it is.
    """
    account = context.region.aws_account_id
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {"StringEquals": _session_tags(context, service_account, namespace, "PrincipalTag")},
            }
        ],
    }


def _session_tags(context: Context, service_account: str, namespace: str, kind: str) -> dict[str, str]:
    region = context.region
    cluster = f"arn:aws:eks:{region.aws_region}:{region.aws_account_id}:cluster/{region.cluster.name}"
    return {
        f"aws:{kind}/eks-cluster-arn": cluster,
        f"aws:{kind}/kubernetes-namespace": namespace,
        f"aws:{kind}/kubernetes-service-account": service_account,
    }
