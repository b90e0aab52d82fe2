"""What a tenant's pod answers a scrape with stores nothing of another tenant: real Prometheus and collector."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
import requests
import yaml

import tools
from automation.waiting import until
from components.values import scraping
from components.values.collection import cluster
from lab import prometheus
from lab.instance import Instance
from lab.process import Command, Processes, free_ports
from lab.telemetry.operators import answers
from settings.vocabulary import Integration
from tests.backends import HTTP
from tests.contexts import context

GIVEN = context("dev.us-east", integrations=list(Integration))
SHOP, PAYMENTS = (GIVEN.tenants[name].namespaces[0] for name in ("shop", "payments"))
SECONDS = 60.0
OTHERS = '{tenant="payments"}'
REVENUE = "payments_revenue_total"
CLAIM = f"""# TYPE target_info gauge
target_info{{"k8s.namespace.name"="{PAYMENTS}",tenant="payments","service.name"="ledger"}} 1
# TYPE otel_scope_info gauge
otel_scope_info{{"k8s.namespace.name"="{PAYMENTS}",otel_scope_name="x"}} 1
# TYPE kafka_lag gauge
kafka_lag{{tenant="payments",namespace="{PAYMENTS}"}} 7
"""
Json = dict[str, Any]


@dataclass
class Pod:
    """A pod's HTTP server: each path's text, or where it sends its caller."""

    address: str
    texts: dict[str, str]
    places: dict[str, str]


@pytest.fixture(scope="module")
def pod() -> Iterator[Pod]:
    """One server plays every pod."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            place, text = made.places.get(path), made.texts.get(path, "")
            self.send_response(302 if place else 200)
            if place:
                self.send_header("Location", place)
            self.send_header("Content-Type", "text/plain; version=1.0.0; escaping=allow-utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Pod(f"127.0.0.1:{server.server_port}", {}, {})
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    instance = Instance("scraped", tmp_path / "lab")
    instance.create()
    with ExitStack() as ending:
        started = Processes(instance)
        ending.callback(started.stop)
        yield started


def _in_file(rules: list[Json]) -> list[Json]:
    """Return relabelings as Prometheus' own file spells them."""
    return [{re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", key): each[key] for key in each} for each in rules]


def _job(name: str, address: str, namespace: str, endpoint: Json, path: str) -> Json:
    """Return what the operator makes of an endpoint, with one target instead of discovery; its pod is the name."""
    found = {"__meta_kubernetes_namespace": namespace, "pod": name, "__metrics_path__": path}
    found["__meta_kubernetes_pod_annotation_prometheus_io_scrape"] = "true"
    whose = scraping.scrape_class(GIVEN)
    return {
        "job_name": name,
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "params": {"match[]": [OTHERS]},
        "follow_redirects": endpoint.get("followRedirects", True),
        "static_configs": [{"targets": [address], "labels": found}],
        "relabel_configs": _in_file([*whose["relabelings"], *endpoint.get("relabelings", [])]),
        "metric_relabel_configs": _in_file([*whose["metricRelabelings"], *endpoint.get("metricRelabelings", [])]),
    }


def _values(url: str, query: str) -> dict[str, float]:
    """Return the newest value by pod."""
    found = HTTP.get(f"{url}/api/v1/query", params={"query": query}, timeout=10).json()["data"]["result"]
    return {each["metric"]["pod"]: float(each["value"][1]) for each in found}


def test_no_answer_of_a_pod_and_no_aim_of_a_monitor_brings_another_tenants_series(
    pod: Pod, processes: Processes, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    own = f"127.0.0.1:{port}"
    hiding = {"metricRelabelings": [{"targetLabel": scraping.REPLICA_LABEL, "replacement": ""}]}
    naming = {"relabelings": [{"targetLabel": scraping.REPLICA_LABEL, "replacement": "mine"}]}
    (annotated,) = scraping.annotated_pods()["podMetricsEndpoints"]
    pod.texts |= {"/metrics/payments": f"{REVENUE} 4711\n", "/metrics/shop": "shop_sales_total 1\n"}
    pod.places |= {
        "/to/federate": f"http://{own}/federate?match[]={quote(OTHERS)}",
        "/to/pod": f"http://{pod.address}/metrics/payments",
    }
    jobs = [
        _job("payments", pod.address, PAYMENTS, {}, "/metrics/payments"),
        _job("shop", pod.address, SHOP, {}, "/metrics/shop"),
        _job("aimed", own, SHOP, {}, "/federate"),
        _job("redirected", pod.address, SHOP, {}, "/to/federate"),
        _job("redirected-hiding", pod.address, SHOP, hiding, "/to/federate"),
        _job("redirected-naming", pod.address, SHOP, naming, "/to/federate"),
        _job("annotated-to-federate", pod.address, SHOP, annotated, "/to/federate"),
        _job("annotated-to-pod", pod.address, SHOP, annotated, "/to/pod"),
    ]
    labels = {**GIVEN.identity, scraping.REPLICA_LABEL: "prometheus-0"}
    command = prometheus.command(tmp_path, {"global": {"external_labels": labels}, "scrape_configs": jobs})
    url = prometheus.start(processes, replace(command, ports=(), kept_ports={"http": port}))
    federated = {"aimed", "redirected", "redirected-hiding", "redirected-naming"}
    refused = {"annotated-to-federate", "annotated-to-pod"}
    # Over all that was scraped, since a busy machine may have missed the newest.
    answered, kept = (f"max_over_time(scrape_samples_{each}[1h]) > 0" for each in ("scraped", "post_metric_relabeling"))
    assert until(lambda: _values(url, answered).keys() >= federated, SECONDS), _values(url, answered)
    assert until(lambda: _values(url, "count_over_time(up[1h]) > 1").keys() >= refused, SECONDS)

    assert _values(url, answered).keys() == {"payments", "shop", *federated}
    assert _values(url, kept).keys() == {"payments", "shop"}
    assert _values(url, f"max_over_time({REVENUE}[1h])") == {"payments": 4711}
    assert _values(url, "max_over_time(up[1h]) == 0").keys() == refused


def _collected(file: Path) -> list[tuple[str, str, Json]]:
    """Return name, pod and resource of each data point that was sent."""
    text = file.read_text() if file.exists() else ""
    groups = [
        group for line in text.splitlines() if line.endswith("}") for group in json.loads(line)["resourceMetrics"]
    ]
    return [
        (metric["name"], _plain(point)["pod"], _plain(group["resource"]))
        for group in groups
        for scope in group["scopeMetrics"]
        for metric in scope["metrics"]
        for point in metric["gauge"]["dataPoints"]
    ]


def _plain(owner: Json) -> Json:
    return {each["key"]: each["value"].get("stringValue") for each in owner["attributes"]}


def test_a_broker_cannot_say_of_which_namespace_it_is_nor_send_the_collector_on(
    pod: Pod, processes: Processes, tmp_path: Path
) -> None:
    pod.texts |= {"/metrics/broker": CLAIM, "/metrics/payments": f"# TYPE {REVENUE} gauge\n{REVENUE} 4711\n"}
    pod.places["/to/pod"] = f"http://{pod.address}/metrics/payments"
    config = cluster.config(GIVEN)
    (job,) = config["receivers"]["prometheus/kafka"]["config"]["scrape_configs"]
    del job["kubernetes_sd_configs"]
    meta = "__meta_kubernetes_pod_"
    job["scrape_interval"] = job["scrape_timeout"] = "1s"
    job["static_configs"] = [
        {
            "targets": [pod.address],
            "labels": {
                "__metrics_path__": path,
                "__meta_kubernetes_namespace": SHOP,
                f"{meta}name": name,
                f"{meta}phase": "Running",
                f"{meta}container_port_name": "kafka-jmx",
            },
        }
        for name, path in (("broker", "/metrics/broker"), ("redirecting", "/to/pod"))
    ]
    sent = tmp_path / "sent.json"
    del config["receivers"]["k8s_events"], config["service"]["pipelines"]["logs/events"]
    config["exporters"] = {"file": {"path": str(sent), "flush_interval": "100ms"}}
    config["service"]["pipelines"]["metrics/kafka"]["exporters"] = ["file"]
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    config["service"]["extensions"] = ["health_check"]

    def argv(ports: Mapping[str, int]) -> list[str]:
        config["extensions"] = {"health_check": {"endpoint": f"127.0.0.1:{ports['http']}"}}
        file = tmp_path / "collector.yaml"
        file.write_text(yaml.safe_dump(config))
        return [str(tools.ensure("otelcol")["otelcol"]), "--config", str(file)]

    processes.start(Command("collector", argv, lambda ports: answers(ports["http"], "/"), ("http",)))

    wanted = {("kafka_lag", "broker"), ("up", "redirecting")}
    assert until(lambda: {point[:2] for point in _collected(sent)} >= wanted, SECONDS), _collected(sent)
    resources = [resource for name, _, resource in _collected(sent) if name == "kafka_lag"]
    assert {(each["tenant"], each["k8s.namespace.name"]) for each in resources} == {("shop", SHOP)}
    assert {each["service.name"] for each in resources} == {cluster.KAFKA_JOB}
    assert REVENUE not in {name for name, *_ in _collected(sent)}


def test_the_pods_of_these_tests_are_what_they_say(pod: Pod) -> None:
    pod.places["/to/there"], pod.texts["/there"] = f"http://{pod.address}/there", "here 1\n"
    assert requests.get(f"http://{pod.address}/to/there", timeout=10).text == "here 1\n"
