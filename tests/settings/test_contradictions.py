"""What no field says by itself: every contradiction in the fleet, as the whole sentence that an operator reads."""

from __future__ import annotations

from typing import Any

import pytest

from settings import load
from tests.settings.documents import DELETED, SMALL, at, refusal

KAFKA = {"brokers": ["kafka.streaming:9092"]}
SINK = {"kind": "otlp", "endpoint": "http://jaeger.tracing:4318", "signals": ["traces"]}
UID = "0b5c1f0e-0000-4000-8000-00000000abcd"
SINGLE_BINARY_WORKLOADS = (
    "access_proxy, alertmanager, collector_agent, collector_cluster, collector_gateway, grafana, kube_state_metrics, "
    "loki_gateway, loki_single_binary, node_exporter, otel_operator, prom_label_proxy, prometheus, "
    "prometheus_operator, tempo_single_binary"
)

CONTRADICTIONS: list[tuple[str, dict[str, Any], str]] = [
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
        "a part of a second that the sampler would not count",
        {"collection.decision_wait_after_root": "2500ms"},
        "collection.decision_wait_after_root is '2500ms', no whole seconds; allowed: whole seconds; fix: round it up",
    ),
    (
        "a sampler that decides before it has waited",
        {"collection.decision_wait": "5s"},
        "collection.decision_wait_after_root is '7s', longer than the wait for the root itself; allowed: at most 5s; "
        "fix: shorten it, or raise collection.decision_wait",
    ),
    (
        "a wait for which no gateway has the memory",
        {"collection.decision_wait": "601s"},
        "collection.decision_wait is '601s', longer than the memory of gateways holds traces; allowed: at most 10m; "
        "fix: shorten it",
    ),
    (
        "metrics for longer than a disk holds",
        {"retention.metrics": "20000d"},
        "retention.metrics is '20000d', longer than a volume of Prometheus holds; allowed: at most 3650d; fix: shorten "
        "it, and keep more in a long-term store: regions.*.remote_write",
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
        "two regions behind one context",
        {"regions.eu-west.cluster.context": "dev-us-east"},
        "regions.eu-west.cluster.context is 'dev-us-east', the cluster that region 'us-east' uses already; allowed: a "
        "cluster of its own for each region; fix: name the context of this region's own cluster",
    ),
    (
        "two regions with one cluster's UID",
        {"regions.us-east.cluster.uid": UID, "regions.eu-west.cluster.uid": UID},
        f"regions.eu-west.cluster.uid is '{UID}', the cluster that region 'us-east' uses already; allowed: a cluster "
        "of its own for each region; fix: remove it, or write the UID of this cluster's kube-system namespace",
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
        "replicas of a container in another's pods",
        {"regions.us-east.overrides": {"prom_label_proxy": {"replicas": 4}}},
        "regions.us-east.overrides.prom_label_proxy.replicas is 4, though this workload runs in the pods of another; "
        "allowed: nothing; fix: remove it, or change access_proxy.replicas",
    ),
    (
        "a second pod of what runs once",
        {"regions.us-east.overrides": {"tempo_single_binary": {"replicas": 2}}},
        "regions.us-east.overrides.tempo_single_binary.replicas is 2, though this workload runs once; allowed: 1; "
        "fix: remove it, and give the one pod more cpu or memory",
    ),
    *(
        (
            f"a second {workload}",
            {"regions.us-east.overrides": {workload: {"replicas": 2}}},
            f"regions.us-east.overrides.{workload}.replicas is 2, though this workload runs once; allowed: 1; fix: "
            "remove it, and give the one pod more cpu or memory",
        )
        for workload in ("grafana", "prometheus_operator", "kube_state_metrics", "loki_single_binary")
    ),
    *(
        (
            f"two pods of {workload}",
            {"topology": "distributed", "regions.us-east.overrides": {workload: {"replicas": 2}}},
            f"regions.us-east.overrides.{workload}.replicas is 2, of which every write needs both, so that one pod "
            "that is down stops all writes; allowed: 1, or 3 and more; fix: write 3",
        )
        for workload in ("loki_ingester", "tempo_ingester")
    ),
    (
        "a volume for a workload without one",
        {"regions.us-east.overrides": {"access_proxy": {"volume": "10Gi"}}},
        "regions.us-east.overrides.access_proxy.volume is '10Gi', though this workload has no volume; allowed: "
        "nothing; fix: remove it",
    ),
    (
        "percent of what is a ratio",
        {"thresholds": {"ServiceErrorRateHigh": 50}},
        "thresholds.ServiceErrorRateHigh is 50, more than all; allowed: a ratio from 0 to 1; fix: write 0.5",
    ),
    (
        "more percent than there are",
        {"thresholds": {"ServiceErrorRateHigh": 150}},
        "thresholds.ServiceErrorRateHigh is 150, more than all; allowed: a ratio from 0 to 1; fix: write a share of 1; "
        "the default is 0.05",
    ),
    (
        "a volume of which shares are nothing",
        {"regions.us-east.overrides": {"prometheus": {"volume": "1023Mi"}}},
        "regions.us-east.overrides.prometheus.volume is '1023Mi', smaller than any volume of EBS; allowed: at least "
        "1Gi; fix: write 1Gi or more",
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


@pytest.mark.parametrize(
    ("changes", "sentence"), [case[1:] for case in CONTRADICTIONS], ids=[case[0] for case in CONTRADICTIONS]
)
def test_a_contradiction_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert refusal(at(changes)) == f"Pulumi.dev.yaml: {sentence}"


def test_clusters_of_one_name_in_two_aws_regions_are_two() -> None:
    document = at({"regions.eu-west.cluster.name": "dev-us-east"})
    assert {each.cluster.name for each in load.parse(document, "file").regions.values()} == {"dev-us-east"}


@pytest.mark.parametrize("replicas", [1, 3, 4])
def test_a_number_of_pods_of_which_one_may_be_down_is_taken(replicas: int) -> None:
    overrides = {workload: {"replicas": replicas} for workload in ("loki_ingester", "tempo_ingester")}
    document = at({"topology": "distributed", "regions.us-east.overrides": overrides})
    assert len(load.parse(document, "file").regions["us-east"].overrides) == 2


def test_every_contradiction_is_shown_at_once() -> None:
    document = at({"tenants.shop.namespaces": ["default"], "tenants.payments.regions": ["mars"]})
    assert refusal(document).splitlines() == [
        "Pulumi.dev.yaml: tenants.shop.namespaces[0] is 'default', which belongs to the platform or to Kubernetes; "
        "allowed: a namespace of the tenant's own; fix: remove it from the tenant",
        "Pulumi.dev.yaml: tenants.payments.regions[0] names the region 'mars', which this environment does not have; "
        "allowed: eu-west, us-east; fix: correct the name, or add the region under regions",
    ]
