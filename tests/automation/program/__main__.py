"""A region in small, for tests of the driver: one of each kind that a killed engine may leave behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from pulumi_kubernetes.apps.v1 import StatefulSet
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace, Secret

from automation.waiting import until
from settings import load, names
from settings.vocabulary import Pillar

platform, region = load.from_stack()
if os.environ.get("SMALL_FAIL") == region:
    raise pulumi.RunError(f"{region} is told to fail")
hold = Path(os.environ.get("SMALL_HOLD", "/nothing/holds/it"))
if hold.exists():
    hold.with_suffix(".reached").touch()
until(lambda: not hold.exists(), 600.0)
cluster = kubernetes.Provider(
    "cluster",
    context=platform.regions[region].cluster.context,
    cluster_identifier="small",
    enable_config_map_mutable=True,
)
cloud = aws.Provider(
    "cloud",
    region=platform.regions[region].aws_region,
    default_tags={"tags": {names.OWNER_TAG: names.stack(platform.environment, region)}},
)
on = pulumi.ResourceOptions(provider=cluster)


def metadata(name: str, **more: Any) -> Any:
    """Return metadata; untyped, since mypy needs gigabytes for literals of the SDK's nested unions."""
    return {"name": name, "labels": {"app.kubernetes.io/part-of": "small"}, **more}


space = Namespace("small", metadata=metadata("small"), opts=on)
inside = pulumi.ResourceOptions(provider=cluster, depends_on=[space])
protected = pulumi.ResourceOptions(provider=cloud, protect=platform.deletion_protection)
bucket = aws.s3.Bucket("store", bucket=names.bucket(platform, region, Pillar.LOGS), opts=protected)
aws.s3.BucketPublicAccessBlock(
    "closed",
    bucket=bucket.bucket,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
    opts=pulumi.ResourceOptions(provider=cloud),
)
password = random.RandomPassword("password", length=32)
Secret(
    "generated",
    metadata=metadata("generated", namespace="small"),
    string_data={"password": password.result},
    opts=inside,
)
settings = f"retention_period: {platform.retention.logs}\nregion: {region}\ntenants: {sorted(platform.tenants)}\n"
for number in range(12):
    ConfigMap(
        f"part-{number}",
        metadata=metadata(f"part-{number}", namespace="small"),
        data={"config.yaml": settings, "number": str(number)},
        opts=inside,
    )
notes = {"pulumi.com/deletionPropagationPolicy": "orphan", "pulumi.com/skipAwait": "true"}
resources = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}
spec: Any = {
    "serviceName": os.environ.get("SMALL_SERVICE", "keeper"),
    "selector": {"matchLabels": {"app": "keeper"}},
    "template": {
        "metadata": {"labels": {"app": "keeper"}},
        "spec": {"containers": [{"name": "keeper", "image": "keeper:1.0", "resources": resources}]},
    },
}
StatefulSet("keeper", metadata=metadata("keeper", namespace="small", annotations=notes), spec=spec, opts=inside)
pulumi.export("bucket", bucket.bucket)
pulumi.export("password", password.result)
pulumi.export(
    "alertmanagerConfig",
    {"receivers": [{"name": name} for name in sorted(platform.tenants)], "route": {"receiver": "platform"}},
)
