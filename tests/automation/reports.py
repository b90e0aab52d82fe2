"""Previews made by hand, for what a report makes of them."""

from __future__ import annotations

from typing import Any

from automation.report import Preview
from automation.result import Change, Field, Result

REGIONS = ("ap-southeast", "eu-west", "us-east")
PARENTS = "observability-platform:components:Region$"


def urn(region: str, kind: str, label: str) -> str:
    return f"urn:pulumi:prod.{region}::observability-platform::{PARENTS}{kind}::{label}"


def update(region: str, kind: str, label: str, *fields: Field, op: str = "update") -> Change:
    return Change(urn(region, kind, label), op, tuple(field.path for field in fields), fields, digest="d" * 64)


def field(path: str, before: Any, after: Any, kind: str = "update") -> Field:
    return Field(path, kind, before, after)


def preview(
    region: str,
    *changes: Change,
    outputs: tuple[Field, ...] = (),
    errors: tuple[str, ...] = (),
    operation: str = "preview",
) -> Preview:
    counts: dict[str, int] = {"same": 410 - len(changes)}
    for change in changes:
        counts[change.op] = counts.get(change.op, 0) + 1
    result = Result("region", operation, True, 4.0, counts, list(changes), [], [], [], {}, [], {}, outputs)
    return Preview(region, (result,), (), errors)


CONFIG = "kubernetes:core/v1:ConfigMap"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"


def no_change() -> list[Preview]:
    return [preview(region) for region in REGIONS]


def retention_cut() -> list[Preview]:
    def one(region: str) -> Preview:
        def loki(period: str) -> str:
            return f"limits_config:\n  retention_period: {period}\n  region: {region}\n"

        return preview(
            region,
            update(region, CONFIG, "loki:observability/loki", field('data["config.yaml"]', loki("720h"), loki("696h"))),
            update(region, LIFECYCLE, "store-logs-lifecycle", field("rules[0].expiration.days", 33, 32)),
        )

    return [one(region) for region in REGIONS]


def tenants(count: int, name: str) -> list[Preview]:
    def one(region: str) -> Preview:
        def overrides(more: int) -> str:
            lines = [f"  {name}{number}:\n    ingestion_rate_mb: 1\n" for number in range(more)]
            return "overrides:\n  payments:\n    ingestion_rate_mb: 4\n" + "".join(lines)

        added = tuple(
            Field(f'alertmanagerConfig.receivers["{name}{number}"]', "add", None, {"name": f"{name}{number}"})
            for number in range(count)
        )
        return preview(
            region,
            update(
                region,
                CONFIG,
                "loki:observability/loki-runtime",
                field('data["runtime-config.yaml"]', overrides(0), overrides(count)),
            ),
            update(region, "kubernetes:core/v1:Secret", "routing-config", field("data.x", "[secret]", "[secret]")),
            outputs=added,
        )

    return [one(region) for region in REGIONS]


def many_tenants_changed(count: int = 400) -> list[Preview]:
    def one(region: str) -> Preview:
        changes = [
            update(
                region,
                CONFIG,
                f"tenant-{number}",
                field('data["limits.yaml"]', limits(number, "14d", 4), limits(number, "7d", 4)),
                field("metadata.labels.tier", "one" * 60, "two" * 60),
            )
            for number in range(count)
        ]
        return preview(region, *changes)

    def limits(number: int, retention: str, rate: int) -> str:
        return f"tenant-{number}:\n  retention_period: {retention}\n  ingestion_rate_mb: {rate}\n"

    return [one(region) for region in REGIONS]


def statefulset_replaced() -> list[Preview]:
    kind = "kubernetes:apps/v1:StatefulSet"
    reason = field("spec.volumeClaimTemplates[0].spec.storageClassName", "gp2", "gp3", "update-replace")
    return [
        preview("ap-southeast"),
        preview("eu-west", update("eu-west", kind, "loki:observability/loki-ingester", reason, op="replace")),
        preview("us-east"),
    ]
