"""Every refusal, as the whole sentence that an operator reads."""

from __future__ import annotations

from typing import Any

import pytest

from settings import load
from settings.problem import SettingsError
from tests.settings.documents import DELETED, SMALL, at

PLATFORM = (
    "environment, organization, domain, topology, deletion_protection, retention, collection, grafana, alerting, "
    "regions, tenants"
)
LABEL = "a DNS label: lower-case letters, digits and hyphens, a letter first"
DURATION = 'allowed: a whole number with a unit: ms, s, m, h or d; fix: write for example "30d" or "12h"'
SERIES = "a whole number, at least 1,000, at most 20,000,000"
SECRET = "allowed: the name of a secret in the region's secret store"
KAFKA = {"brokers": ["kafka.streaming:9092"]}
SINK = {"kind": "otlp", "endpoint": "http://jaeger.tracing:4318", "signals": ["traces"]}
SINGLE_BINARY_WORKLOADS = (
    "access_proxy, alertmanager, collector_agent, collector_cluster, collector_gateway, grafana, kube_state_metrics, "
    "loki_gateway, loki_single_binary, node_exporter, otel_operator, prom_label_proxy, prometheus, "
    "prometheus_operator, tempo_single_binary"
)

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
        "slow_trace, regions; fix: did you mean channels?",
    ),
    (
        "an unknown key of a cluster",
        {"regions.us-east.cluster.nmae": "x"},
        "regions.us-east.cluster.nmae is not a known key; allowed: name, context, uid, identity, oidc_provider, "
        "storage_class, zones; fix: did you mean name?",
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
        f"tenants.shop.namespaces[0] is 'Shop'; allowed: {LABEL}, 63 characters at most; fix: correct it: Kubernetes "
        "namespaces whose signals belong to this tenant",
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
        "rabbitmq, istio, gpu; fix: did you mean rabbitmq?",
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

BETWEEN_FIELDS: list[tuple[str, dict[str, Any], str]] = [
    (
        "a namespace that two tenants claim",
        {"tenants.payments.namespaces": ["payments", "shop"]},
        "tenants.payments.namespaces[1] is 'shop', which tenant 'shop' claims already; allowed: each namespace in one "
        "tenant only; fix: remove it from 'payments' or from 'shop'",
    ),
    (
        "a namespace of Kubernetes",
        {"tenants.shop.namespaces": ["kube-system"]},
        "tenants.shop.namespaces[0] is 'kube-system', which belongs to the platform or to Kubernetes; allowed: a "
        "namespace of the tenant's own; fix: remove it from the tenant",
    ),
    (
        "the platform's own tenant",
        {"tenants.platform": SMALL["tenants"]["shop"], "tenants.shop": DELETED},
        "tenants.platform has the name 'platform', which is the platform's own tenant; allowed: any other DNS label; "
        "fix: rename the tenant",
    ),
    (
        "a tenant in an unknown region",
        {"tenants.shop.regions": ["mars"]},
        "tenants.shop.regions[0] names the region 'mars', which this environment does not have; allowed: eu-west, "
        "us-east; fix: correct the name, or add the region under regions",
    ),
    (
        "support in an unknown region",
        {"tenants.shop.channels.support": {"mars": "#mars"}},
        "tenants.shop.channels.support.mars names the region 'mars', which this environment does not have; allowed: "
        "eu-west, us-east; fix: correct the name, or add the region under regions",
    ),
    (
        "support where the tenant does not run",
        {"tenants.shop.regions": ["us-east"], "tenants.shop.channels.support": {"eu-west": "#eu"}},
        "tenants.shop.channels.support.eu-west names the region 'eu-west', in which this tenant does not run; "
        "allowed: us-east; fix: remove it, or add eu-west to tenants.shop.regions",
    ),
    (
        "a tenant's retention above the platform's",
        {"tenants.shop.retention.logs": "721h"},
        "tenants.shop.retention.logs is '721h', longer than the platform's; allowed: at most 30d; fix: shorten it, or "
        "raise retention.logs for the whole environment",
    ),
    (
        "a retention below a day",
        {"retention.metrics": "23h"},
        "retention.metrics is '23h', shorter than a day; allowed: at least 24h; fix: lengthen it",
    ),
    (
        "a tenant's retention below a day",
        {"tenants.shop.retention.traces": "60m"},
        "tenants.shop.retention.traces is '60m', shorter than a day; allowed: at least 24h; fix: lengthen it",
    ),
    (
        "a namespace written twice",
        {"tenants.shop.namespaces": ["shop", "shop"]},
        "tenants.shop.namespaces[1] repeats 'shop'; allowed: each value once; fix: remove it",
    ),
    (
        "an integration written twice",
        {"regions.us-east.integrations": ["gpu", "gpu"]},
        "regions.us-east.integrations[1] repeats 'gpu'; allowed: each value once; fix: remove it",
    ),
    (
        "a sink of an unknown tenant",
        {"collection.sinks.jaeger": {**SINK, "tenants": ["shop", "nobody"]}},
        "collection.sinks.jaeger.tenants[1] names the tenant 'nobody', which this environment does not have; allowed: "
        "payments, shop; fix: correct the name, or add the tenant under tenants",
    ),
    (
        "metrics to Elasticsearch",
        {"collection.sinks.elk": {**SINK, "kind": "elasticsearch", "signals": ["logs", "metrics"]}},
        "collection.sinks.elk.signals holds metrics, which the exporter of kind 'elasticsearch' supports as an "
        "experiment only; allowed: logs, traces; fix: remove metrics, or choose kind: otlp",
    ),
    (
        "two regions in one cluster",
        {"regions.eu-west.aws_region": "us-east-1", "regions.eu-west.cluster.name": "dev-us-east"},
        "regions.eu-west.cluster.name is 'dev-us-east', the cluster that region 'us-east' uses already; allowed: a "
        "cluster of its own for each region; fix: correct the name, the AWS region or the account",
    ),
    (
        "a key of another AWS region",
        {"regions.us-east.kms_key_arn": "arn:aws:kms:eu-west-1:111111111111:key/ab-12"},
        "regions.us-east.kms_key_arn is 'arn:aws:kms:eu-west-1:111111111111:key/ab-12', a key of eu-west-1, which a "
        "bucket in us-east-1 cannot use; allowed: arn:aws:kms:us-east-1:<account>:key/<id>; fix: name a key of "
        "us-east-1, or correct aws_region",
    ),
    (
        "Tempo 3 without its broker",
        {"topology": "distributed", "regions.us-east.traces.engine": "tempo3_kafka"},
        "regions.us-east.traces.kafka is missing, though engine is 'tempo3_kafka', whose write path is a Kafka "
        "broker; allowed: brokers, topic and partitions of a Kafka-compatible broker; fix: add traces.kafka.brokers, "
        "or choose engine: tempo2",
    ),
    (
        "Tempo 2 with a broker",
        {"regions.us-east.traces.kafka": KAFKA},
        "regions.us-east.traces.kafka is set, though engine is 'tempo2', which uses no broker; allowed: nothing; fix: "
        "remove it, or choose engine: tempo3_kafka",
    ),
    (
        "Tempo 3 as a single binary",
        {"regions.us-east.traces": {"engine": "tempo3_kafka", "kafka": KAFKA}},
        "regions.us-east.traces.engine is 'tempo3_kafka', though the topology is 'single_binary'; allowed: tempo2; "
        "fix: choose engine: tempo2, or topology: distributed",
    ),
    (
        "an override of a workload that does not run",
        {"regions.us-east.overrides": {"loki_ingester": {"replicas": 4}}},
        "regions.us-east.overrides.loki_ingester changes a workload that the topology 'single_binary' does not run; "
        f"allowed: {SINGLE_BINARY_WORKLOADS}; fix: remove it, or change the topology",
    ),
    (
        "replicas of a DaemonSet",
        {"regions.us-east.overrides": {"node_exporter": {"replicas": 4}}},
        "regions.us-east.overrides.node_exporter.replicas is 4, though this workload has one pod on each node; "
        "allowed: nothing; fix: remove it",
    ),
    (
        "a second pod of what runs once",
        {"regions.us-east.overrides": {"tempo_single_binary": {"replicas": 2}}},
        "regions.us-east.overrides.tempo_single_binary.replicas is 2, though this workload runs once; allowed: 1; "
        "fix: remove it, and give the one pod more cpu or memory",
    ),
    (
        "a volume for a workload without one",
        {"regions.us-east.overrides": {"access_proxy": {"volume": "10Gi"}}},
        "regions.us-east.overrides.access_proxy.volume is '10Gi', though this workload has no volume; allowed: "
        "nothing; fix: remove it",
    ),
    (
        "IRSA without an issuer",
        {"regions.us-east.cluster.identity": "irsa"},
        "regions.us-east.cluster.oidc_provider is missing, though identity is 'irsa', which trusts the cluster's OIDC "
        "issuer; allowed: host and path of the issuer, without https://; fix: add it (aws eks describe-cluster shows "
        "it), or choose identity: pod_identity",
    ),
    (
        "two canaries",
        {"regions.us-east.canary": True, "regions.eu-west.canary": True},
        "regions.eu-west.canary is true, though region 'us-east' is the canary already; allowed: one canary region "
        "per environment; fix: set it to false",
    ),
]


def refusal(document: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load.parse(document, "Pulumi.dev.yaml")
    return str(caught.value)


def test_the_small_document_is_accepted() -> None:
    assert load.parse(SMALL, "Pulumi.dev.yaml").regions.keys() == {"us-east", "eu-west"}


@pytest.mark.parametrize(("changes", "sentence"), [case[1:] for case in FIELDS], ids=[case[0] for case in FIELDS])
def test_a_field_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(at(changes)) == f"Pulumi.dev.yaml: {sentence}"


@pytest.mark.parametrize(
    ("changes", "sentence"), [case[1:] for case in BETWEEN_FIELDS], ids=[case[0] for case in BETWEEN_FIELDS]
)
def test_a_contradiction_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(at(changes)) == f"Pulumi.dev.yaml: {sentence}"


def test_every_mistake_is_shown_at_once() -> None:
    document = at({"environment": "prd", "retention.logs": "30", "tenants.shop.namespaces": [], "tenant": {}})
    assert refusal(document).splitlines() == [
        "Pulumi.dev.yaml: environment is 'prd'; allowed: dev, staging, prod; fix: did you mean prod?",
        f"Pulumi.dev.yaml: retention.logs is '30'; {DURATION}",
        "Pulumi.dev.yaml: tenants.shop.namespaces is empty; allowed: a list, not empty; fix: add at least one entry",
        f"Pulumi.dev.yaml: tenant is not a known key; allowed: {PLATFORM}; fix: did you mean tenants?",
    ]


def test_every_contradiction_is_shown_at_once() -> None:
    document = at({"tenants.shop.namespaces": ["default"], "tenants.payments.regions": ["mars"]})
    assert refusal(document).splitlines() == [
        "Pulumi.dev.yaml: tenants.shop.namespaces[0] is 'default', which belongs to the platform or to Kubernetes; "
        "allowed: a namespace of the tenant's own; fix: remove it from the tenant",
        "Pulumi.dev.yaml: tenants.payments.regions[0] names the region 'mars', which this environment does not have; "
        "allowed: eu-west, us-east; fix: correct the name, or add the region under regions",
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
