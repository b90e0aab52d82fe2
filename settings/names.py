"""Every name that two places must agree on: derived from settings alone, so always known at preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from settings.vocabulary import Pillar

if TYPE_CHECKING:
    from settings.platform import Platform

PROJECT = "observability-platform"
"""Pulumi project, `app.kubernetes.io/part-of` and prefix of roles."""
CONFIG_KEY = "platform"
"""The one key of the stack configuration: `observability-platform:platform`."""
NAMESPACE = "observability"
"""Namespace of everything the platform runs as ordinary pods (Pod Security: restricted)."""
NODE_NAMESPACE = "observability-node"
"""Namespace of what needs the node's files or network (Pod Security: privileged): agents, node-exporter."""
PLATFORM_TENANT = "platform"
"""Org id of signals from namespaces that no tenant claims; only the platform team reads it."""

TENANT_LABEL = "tenant"
REGION_LABEL = "region"
CLUSTER_LABEL = "cluster"
ENVIRONMENT_LABEL = "environment"
CLAIM_ANNOTATION = "observability-platform/stack"
"""Annotation on the namespace that says which stack owns the cluster's platform."""
OWNER_TAG = "observability-platform:stack"
"""Tag on everything in AWS that says which stack owns it."""
CHART_VERSION_ANNOTATION = "observability-platform/chart-version"
"""Annotation on CRDs that says which pin they came from."""
CRDS = {
    **{
        f"{kind}.monitoring.coreos.com": "prometheus-operator-crds"
        for kind in (
            "alertmanagerconfigs",
            "alertmanagers",
            "podmonitors",
            "probes",
            "prometheusagents",
            "prometheuses",
            "prometheusrules",
            "scrapeconfigs",
            "servicemonitors",
            "thanosrulers",
        )
    },
    **{
        f"{kind}.opentelemetry.io": "opentelemetry-operator"
        for kind in ("instrumentations", "opampbridges", "opentelemetrycollectors", "targetallocators")
    },
}
"""CRDs of the CRD stack, and the chart that each comes from."""


def stack(environment: str, region: str) -> str:
    """Return the stack's name, `<env>.<region>`."""
    return f"{environment}.{region}"


def bucket(platform: Platform, region: str, pillar: Pillar) -> str:
    """Return the bucket's name: `<organization>-<environment>-<region>-<pillar>`.

    57 characters at most (S3 takes 63), since the settings bound an organization and a region to 20 each.
    """
    return f"{platform.organization}-{platform.environment}-{region}-{pillar}"


def buckets(platform: Platform, region: str) -> dict[Pillar, str]:
    """Return the bucket of each pillar in a region."""
    return {pillar: bucket(platform, region, pillar) for pillar in Pillar}


def role(platform: Platform, region: str, pillar: Pillar) -> str:
    """Return the name of the IAM role that may use exactly one pillar's bucket (64 characters at most)."""
    return f"{platform.organization}-{platform.environment}-{region}-{pillar}"


def role_arn(platform: Platform, region: str, pillar: Pillar) -> str:
    """Return the role's ARN, known before the role is."""
    account = platform.regions[region].aws_account_id
    return f"arn:aws:iam::{account}:role/{role(platform, region, pillar)}"


def secrets_role(platform: Platform, region: str) -> str:
    """Return the name of the IAM role that may read the region's secrets."""
    return f"{platform.organization}-{platform.environment}-{region}-secrets"


def secrets_role_arn(platform: Platform, region: str) -> str:
    """Return that role's ARN, known before the role is."""
    return f"arn:aws:iam::{platform.regions[region].aws_account_id}:role/{secrets_role(platform, region)}"


def secret(platform: Platform, region: str, purpose: str) -> str:
    """Return the name of a generated secret in the store: `<organization>/<environment>/<region>/<purpose>`."""
    return f"{platform.organization}/{platform.environment}/{region}/{purpose}"


def chart_version(chart: str, version: str) -> str:
    """Return a pin as the CRDs carry it: `<chart>-<version>`."""
    return f"{chart}-{version}"


def grafana_url(platform: Platform, region: str) -> str:
    """Return the address of a region's Grafana, without a slash at the end."""
    return f"https://grafana.{region}.{platform.domain}"
