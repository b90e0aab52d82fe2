"""A region: one cluster, one set of buckets, one platform."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from settings.base import HostPort, HttpUrl, Model, SecretName, Words
from settings.units import Bytes, Cpu
from settings.vocabulary import Integration, Size, TempoEngine, Workload, WorkloadIdentity

AwsRegion = Annotated[
    str,
    StringConstraints(
        pattern=r"^(af|ap|ca|eu|il|me|mx|sa|us)-(central|east|north|northeast|northwest|south|southeast|southwest|west)-[1-9]$"
    ),
    Words("an AWS region such as us-east-1, outside China and GovCloud"),
]
"""A region of the commercial partition: in China and GovCloud every ARN starts otherwise."""


AccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$"), Words("12 digits in quotes")]
ClusterName = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$"),
    Words("an EKS cluster's name: letters, digits, hyphens and underscores, 100 at most, none of the last two first"),
]
"""The name of a cluster that is there already, by the rule of EKS' CreateCluster."""
ClusterUid = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f-]{36}$"), Words("a UID: 36 hexadecimal digits and hyphens")
]
OidcProvider = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9.-]+(/[A-Za-z0-9._/-]+)?$"),
    Words("host and path of an OIDC issuer, without https://"),
]
StorageClass = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"),
    Words("the name of a StorageClass"),
]
KmsKeyArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$"),
    Words("arn:aws:kms:<region>:<account>:key/<id>"),
]
Topic = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$"),
    Words("letters, digits, dots, hyphens and underscores, 249 characters at most"),
]


class Cluster(Model):
    """Which Kubernetes cluster carries the platform, and how to know that it is that one."""

    name: ClusterName
    """Name of the cluster; the `cluster` label of every signal and the EKS cluster of pod identities."""
    context: str = Field(min_length=1)
    """Context in the kubeconfig. The ambient current context is never used."""
    uid: ClusterUid | None = None
    """UID of the cluster's kube-system namespace. When set, any other cluster is refused."""
    identity: WorkloadIdentity = WorkloadIdentity.POD_IDENTITY
    """How Loki and Tempo get at their buckets: EKS Pod Identity, or IRSA."""
    oidc_provider: OidcProvider | None = None
    """Host and path of the cluster's OIDC issuer, without https://; needed by IRSA."""
    storage_class: StorageClass | None = None
    """StorageClass of every volume; unset takes the cluster's default. Changing it replaces StatefulSets."""


class Kafka(Model):
    """The Kafka-compatible broker that Tempo 3 writes through."""

    brokers: Annotated[list[HostPort], Field(min_length=1)]
    """Bootstrap addresses, host:port. One that is down must not be the only one."""
    topic: Topic = "tempo-ingest"
    """Topic of all tenants; replication factor 3 and min.insync.replicas 2 are expected."""
    partitions: int = Field(default=3, ge=1, le=300)
    """Partitions of the topic; also the number of block builders."""


class Traces(Model):
    """Which Tempo a region runs."""

    engine: TempoEngine = TempoEngine.TEMPO2
    """`tempo2` needs only the bucket; `tempo3_kafka` needs `kafka` too and cannot be taken back in place."""
    kafka: Kafka | None = None
    """The broker; required by, and only allowed with, `tempo3_kafka`."""


class RemoteWrite(Model):
    """A long-term store for metrics (Mimir or Thanos Receive)."""

    url: HttpUrl
    """Endpoint of the remote-write protocol. When it is down, Prometheus holds back about two hours."""
    username: str = Field(min_length=1)
    """User of basic authentication; not a secret."""
    password_secret: SecretName
    """Name of the secret in the store that holds the password."""


class Footprint(Model):
    """A change to single numbers of one workload; what is unset follows from the region's size."""

    replicas: int | None = Field(default=None, ge=1, le=200)
    """Number of pods."""
    cpu: Cpu | None = None
    """CPU request per pod; there is no CPU limit, since throttling delays ingestion."""
    memory: Bytes | None = None
    """Memory request and limit per pod. Too small is an OOM kill."""
    volume: Bytes | None = None
    """Volume per pod, for workloads that have one. Volumes can grow in place but not shrink."""


class Region(Model):
    """One region of an environment; its key in `regions` is the `region` label of every signal."""

    aws_region: AwsRegion
    """AWS region of buckets, keys and secrets, for example us-east-1. Changing it replaces the buckets."""
    aws_account_id: AccountId
    """Account that owns them (12 digits, quoted). Operations under any other account are refused."""
    cluster: Cluster
    """Which Kubernetes cluster carries the platform. Another name is another cluster: everything is made anew."""
    size: Size
    """small, medium or large: the ingest rates that replicas, memory and volumes are derived from."""
    overrides: dict[Workload, Footprint] = {}
    """Single numbers that differ from the size's, by workload."""
    kms_key_arn: KmsKeyArn | None = None
    """Customer-managed key for buckets and secrets; unset means AES256 with S3-managed keys."""
    traces: Traces = Traces()
    """Which Tempo writes the traces, and through what."""
    remote_write: RemoteWrite | None = None
    """Long-term store; unset keeps metrics in the region's Prometheus only."""
    integrations: list[Integration] = []
    """Exporters that this region scrapes and has rules and dashboards for."""
    charts: dict[str, str] = {}
    """Chart versions that differ from the default of charts.yaml; each must be listed there."""
    canary: bool = False
    """Rolled out before the others. At most one region of an environment."""
