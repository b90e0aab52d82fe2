"""Every refusal, as the whole sentence that an operator reads."""

from __future__ import annotations

from typing import Any

import pytest

from settings import load
from tests.settings.documents import DELETED, SMALL, at, refusal

PLATFORM = (
    "environment, organization, domain, topology, deletion_protection, retention, collection, grafana, alerting, "
    "thresholds, regions, tenants"
)
LABEL = "a DNS label: lower-case letters, digits and hyphens, a letter first"
NAMESPACE = "a namespace: lower-case letters, digits and hyphens, no hyphen first or last, 63 characters at most"
DURATION = 'allowed: a whole number with a unit: ms, s, m, h or d; fix: write for example "30d" or "12h"'
SERIES = "a whole number, at least 1,000, at most 20,000,000"
SECRET = "allowed: the name of a secret in the region's secret store"
FIELDS: list[tuple[str, dict[str, Any], str]] = [
    (
        "an unknown key at the top",
        {"retentoin": {"logs": "30d"}},
        f"retentoin is not a known key; allowed: {PLATFORM}; fix: did you mean retention?",
    ),
    ("an unknown key like no other", {"zzz": 1}, f"zzz is not a known key; allowed: {PLATFORM}; fix: remove it"),
    (
        "an unknown key of a tenant",
        {"tenants.shop.chanels": {}},
        "tenants.shop.chanels is not a known key; allowed: namespaces, owners, channels, limits, retention, "
        "slow_trace, thresholds, slos, grafana, regions; fix: did you mean channels?",
    ),
    (
        "an unknown key of a cluster",
        {"regions.us-east.cluster.nmae": "x"},
        "regions.us-east.cluster.nmae is not a known key; allowed: name, context, uid, identity, oidc_provider, "
        "storage_class; fix: did you mean name?",
    ),
    (
        "a region without its AWS region",
        {"regions.us-east.aws_region": DELETED},
        "regions.us-east.aws_region is missing; allowed: an AWS region such as us-east-1, outside China and GovCloud; "
        "fix: add aws_region: AWS region of buckets, keys and secrets, for example us-east-1",
    ),
    (
        "no environment",
        {"environment": DELETED},
        "environment is missing; allowed: dev, staging, prod; fix: add environment: dev, staging or prod; the first "
        "part of a stack's name and the `environment` label",
    ),
    (
        "no limit",
        {"tenants.shop.limits.active_series": DELETED},
        f"tenants.shop.limits.active_series is missing; allowed: {SERIES}; fix: add active_series: Active series in "
        "Prometheus",
    ),
    (
        "a number in quotes",
        {"tenants.shop.limits.active_series": "50000"},
        f"tenants.shop.limits.active_series is '50000'; allowed: {SERIES}; fix: write it without quotes",
    ),
    (
        "a truth value for a number",
        {"tenants.shop.limits.active_series": True},
        f"tenants.shop.limits.active_series is true; allowed: {SERIES}; fix: correct it: Active series in Prometheus",
    ),
    (
        "a fraction for a whole number",
        {"tenants.shop.limits.active_series": 1000.5},
        f"tenants.shop.limits.active_series is 1000.5; allowed: {SERIES}; fix: correct it: Active series in Prometheus",
    ),
    (
        "a rate in quotes",
        {"tenants.shop.limits.log_mb_per_second": "1"},
        "tenants.shop.limits.log_mb_per_second is '1'; allowed: a number, more than 0, at most 500; fix: write it "
        "without quotes",
    ),
    (
        "a truth value in quotes",
        {"deletion_protection": "true"},
        "deletion_protection is 'true'; allowed: true or false; fix: write it without quotes",
    ),
    (
        "a number for a truth value",
        {"deletion_protection": 1},
        "deletion_protection is 1; allowed: true or false; fix: correct it: Buckets and generated secrets refuse "
        "deletion",
    ),
    (
        "an account without quotes",
        {"regions.us-east.aws_account_id": 111111111111},
        "regions.us-east.aws_account_id is 111111111111; allowed: 12 digits in quotes; fix: write it in quotes",
    ),
    (
        "text for a list",
        {"tenants.shop.namespaces": "shop"},
        "tenants.shop.namespaces is 'shop'; allowed: a list, not empty; fix: correct it: Kubernetes namespaces whose "
        "signals belong to this tenant",
    ),
    (
        "text for a map",
        {"tenants.shop.channels": "#shop"},
        "tenants.shop.channels is '#shop'; allowed: a map; fix: correct it: Where its alerts go",
    ),
    (
        "a list for a map",
        {"regions": ["us-east"]},
        "regions is a list; allowed: a map, not empty; fix: correct it: Regions by name",
    ),
    (
        "a tenant without a body",
        {"tenants.shop": None},
        "tenants.shop is empty; allowed: a map; fix: write a value, or remove the key",
    ),
    ("a retention without a unit", {"retention.logs": "30"}, f"retention.logs is '30'; {DURATION}"),
    ("a retention that is a number", {"retention.logs": 30}, f"retention.logs is 30; {DURATION}"),
    ("a fraction of an hour", {"collection.slow_trace": "1.5h"}, f"collection.slow_trace is '1.5h'; {DURATION}"),
    (
        "a tenant's retention in weeks",
        {"tenants.shop.retention.logs": "4w"},
        f"tenants.shop.retention.logs is '4w'; {DURATION}",
    ),
    (
        "memory in decimal units",
        {"regions.us-east.overrides.prometheus.memory": "4GB"},
        "regions.us-east.overrides.prometheus.memory is '4GB'; allowed: a whole number with a binary unit: Mi, Gi or "
        'Ti; fix: write for example "512Mi" or "40Gi"',
    ),
    (
        "cores without quotes",
        {"regions.us-east.overrides.prometheus.cpu": 2},
        "regions.us-east.overrides.prometheus.cpu is 2; allowed: cores or millicores as a string; fix: write for "
        'example "500m" or "2"',
    ),
    (
        "a tenant's name that is no DNS label",
        {"tenants.Shop_1": SMALL["tenants"]["shop"], "tenants.shop": DELETED},
        f"tenants.Shop_1 has the name 'Shop_1'; allowed: {LABEL}, 63 characters at most; fix: rename it",
    ),
    (
        "a namespace that is no DNS label",
        {"tenants.shop.namespaces[0]": "Shop"},
        f"tenants.shop.namespaces[0] is 'Shop'; allowed: {NAMESPACE}; fix: correct it: Kubernetes namespaces whose "
        "signals belong to this tenant",
    ),
    (
        "a cluster's name that EKS does not take",
        {"regions.us-east.cluster.name": "_eu"},
        "regions.us-east.cluster.name is '_eu'; allowed: an EKS cluster's name: letters, digits, hyphens and "
        "underscores, 100 at most, none of the last two first; fix: correct it: Name of the cluster; the `cluster` "
        "label of every signal and the EKS cluster of pod identities",
    ),
    (
        "a region's name too long for a bucket",
        {"regions.north-america-east-one": SMALL["regions"]["us-east"], "regions.us-east": DELETED},
        f"regions.north-america-east-one has the name 'north-america-east-one'; allowed: {LABEL}, 20 characters at "
        "most; fix: rename it",
    ),
    (
        "an organization too long for a bucket",
        {"organization": "a-very-long-organization"},
        "organization is 'a-very-long-organization'; allowed: lower-case letters, digits and hyphens, a letter first, "
        "3 to 20 characters; fix: correct it: Prefix of bucket names, which are unique in all of AWS; 3 to 20 "
        "characters",
    ),
    (
        "a long value is cut",
        {"domain": "x" * 100},
        f"domain is '{'x' * 78}…; allowed: a DNS name with at least one dot, in lower case; fix: correct it: Domain "
        "below which each region's Grafana is reached: grafana.<region>.<domain>",
    ),
    (
        "an AWS region of another partition",
        {"regions.us-east.aws_region": "us-gov-west-1"},
        "regions.us-east.aws_region is 'us-gov-west-1'; allowed: an AWS region such as us-east-1, outside China and "
        "GovCloud; fix: correct it: AWS region of buckets, keys and secrets, for example us-east-1",
    ),
    (
        "a Slack channel without its hash",
        {"tenants.shop.channels.support": {"eu-west": "support"}},
        "tenants.shop.channels.support.eu-west is 'support'; allowed: a Slack channel in quotes, such as \"#shop\"; "
        "fix: correct it: Extra support channel per region; gets that region's pages and warnings of this tenant too",
    ),
    (
        "a word that is almost one of a vocabulary",
        {"regions.us-east.size": "Larg"},
        "regions.us-east.size is 'Larg'; allowed: small, medium, large; fix: did you mean large?",
    ),
    (
        "a word of no vocabulary",
        {"regions.us-east.size": "huge"},
        "regions.us-east.size is 'huge'; allowed: small, medium, large; fix: choose one of these",
    ),
    (
        "an unknown integration",
        {"regions.us-east.integrations": ["rabbit"]},
        "regions.us-east.integrations[0] is 'rabbit'; allowed: kafka_jmx, cloudnative_pg, postgres_exporter, "
        "rabbitmq, istio, gpu, opencost; fix: did you mean rabbitmq?",
    ),
    (
        "a number above its bound",
        {"collection.background_sample_percent": 101},
        "collection.background_sample_percent is 101; allowed: a number, at least 0, at most 100; fix: choose a "
        "number within these bounds",
    ),
    (
        "a number below its bound",
        {"tenants.shop.limits.active_series": 999},
        f"tenants.shop.limits.active_series is 999; allowed: {SERIES}; fix: choose a number within these bounds",
    ),
    (
        "a number at an open bound",
        {"tenants.shop.limits.log_mb_per_second": 0},
        "tenants.shop.limits.log_mb_per_second is 0; allowed: a number, more than 0, at most 500; fix: choose a "
        "number within these bounds",
    ),
    ("no regions", {"regions": {}}, "regions is empty; allowed: a map, not empty; fix: add at least one entry"),
    ("no tenants", {"tenants": {}}, "tenants is empty; allowed: a map, not empty; fix: add at least one entry"),
    (
        "a tenant that runs nowhere",
        {"tenants.shop.regions": []},
        "tenants.shop.regions is empty; allowed: a list, not empty; fix: add at least one entry",
    ),
    (
        "a value where a secret's name belongs",
        {"alerting.pagerduty_key": "correct horse"},
        f"alerting.pagerduty_key is refused (value hidden); {SECRET}; fix: put the value into the store, and write "
        "the secret's name here",
    ),
]


def test_the_small_document_is_accepted() -> None:
    assert load.parse(SMALL, "Pulumi.dev.yaml").regions.keys() == {"us-east", "eu-west"}


@pytest.mark.parametrize(("changes", "sentence"), [case[1:] for case in FIELDS], ids=[case[0] for case in FIELDS])
def test_a_field_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(at(changes)) == f"Pulumi.dev.yaml: {sentence}"


def test_every_mistake_is_shown_at_once() -> None:
    document = at({"environment": "prd", "retention.logs": "30", "tenants.shop.namespaces": [], "tenant": {}})
    assert refusal(document).splitlines() == [
        "Pulumi.dev.yaml: environment is 'prd'; allowed: dev, staging, prod; fix: did you mean prod?",
        f"Pulumi.dev.yaml: retention.logs is '30'; {DURATION}",
        "Pulumi.dev.yaml: tenants.shop.namespaces is empty; allowed: a list, not empty; fix: add at least one entry",
        f"Pulumi.dev.yaml: tenant is not a known key; allowed: {PLATFORM}; fix: did you mean tenants?",
    ]


@pytest.mark.parametrize(("document", "shown"), [("text", "'text'"), (3, "3"), ([1], "a list"), ({}, None)])
def test_what_is_no_map_is_refused(document: object, shown: str | None) -> None:
    if shown is None:
        assert [problem.split(" ")[1] for problem in refusal(document).splitlines()] == [
            "environment", "organization", "domain", "alerting", "regions", "tenants",
        ]  # fmt: skip
        return
    assert refusal(document) == (
        f"Pulumi.dev.yaml: document is {shown}; allowed: a map; fix: correct it: One environment with its regions and "
        "tenants"
    )
