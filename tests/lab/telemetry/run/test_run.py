"""The run is what was applied: every program of it is the one that the cluster's objects ask for, and reachable."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from automation.waiting import until
from lab import cloud, cluster
from lab.cluster import Api
from lab.pki import Pki
from lab.signals.sent import Sent
from lab.telemetry.access import token
from lab.telemetry.command import BUDGET_MB
from lab.telemetry.run import Process
from settings import names
from settings.vocabulary import Pillar
from tests.backends import HTTP
from tests.lab.telemetry.asking import becomes
from tests.lab.telemetry.outages import (
    PER_SECOND,
    keys,
    loaded,
    missing_lines,
    missing_spans,
    outage,
    pause,
    samples,
    wanted_samples,
)
from tests.lab.telemetry.standing import Standing

STORES = ("loki", "tempo", "prometheus")
SHORT, LONG = 12.0, 60.0
"""Seconds of an outage."""
RECOVERY_SECONDS = 180.0
"""A retry waits half a minute at most; the rest is for what had waited."""
TRANSIT_SECONDS = 8.0
"""What a span may take from its producer to the gateway that decides, on a busy machine: its window opens only then."""
SCRAPED_SECONDS = 90.0
"""A job is scraped every 30 s."""
OWN = {"agent-0", "agent-1", "gateway-0", "gateway-1", "cluster", "loki", "tempo", "prometheus", "alertmanager"}
PROXY = {"access", "access-prometheus", "access-alertmanager"}


def nothing(missing: Callable[[], Counter[Any]], seconds: float) -> None:
    """Wait until nothing is missing; at the deadline what is, is the failure."""
    none: list[tuple[Any, int]] = []
    becomes(none, lambda: list(missing().items()), seconds)


def get(url: str, **parameters: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, params=parameters, timeout=10)


def test_every_program_runs_within_the_budget_of_memory(standing: Standing) -> None:
    assert {each.name for each in standing.telemetry.processes if each.alive} == OWN | PROXY
    resident = sum(child.resident_mb() for child in standing.lab.processes.recorded().values())
    assert 0 < resident < BUDGET_MB


def test_nothing_listens_or_is_looked_for_beyond_loopback(standing: Standing) -> None:
    """Names of the cluster would not resolve here; what is left of them is not asked at start."""
    files = [*standing.telemetry.folder.glob("*/config.yaml"), *standing.telemetry.folder.glob("*/caddy.json")]
    assert {file.parent.name for file in files} == OWN | {"access"}
    for file in files:
        text = file.read_text()
        assert "0.0.0.0" not in text  # noqa: S104 - looked for, not bound
        assert ".svc.cluster.local" not in text, file
        assert "amazonaws.com" not in text, file


def test_the_access_proxy_stands_in_front_and_asks_who_one_is(standing: Standing) -> None:
    url = standing.telemetry.endpoints.access
    assert url is not None
    asked = f"{url}/prometheus/api/v1/query"
    assert get(asked, query="up").status_code == 401
    own = {"Authorization": f"Bearer {token(standing.lab, standing.context, 'shop')}"}
    answer = HTTP.get(asked, params={"query": "up"}, headers=own, timeout=10)
    assert answer.status_code == 200, answer.text
    assert {each["metric"]["tenant"] for each in answer.json()["data"]["result"]} <= {"shop"}


def test_prometheus_discovers_the_pods_and_scrapes_the_processes(standing: Standing) -> None:
    url = f"{standing.telemetry.endpoints.prometheus}/api/v1/query"
    jobs = {
        "agent-collector-monitoring": 2,
        "gateway-collector-monitoring": 2,
        "cluster-collector-monitoring": 1,
        "observability/loki": 1,
        "tempo": 1,
    }

    def up() -> dict[str, int]:
        result = get(url, query="sum by (job) (up)").json()["data"]["result"]
        return {each["metric"]["job"]: int(each["value"][1]) for each in result if each["metric"]["job"] in jobs}

    assert until(lambda: up() == jobs, SCRAPED_SECONDS), up()
    instances = get(url, query="up").json()["data"]["result"]
    assert all(each["metric"]["instance"].startswith("10.244.0.") for each in instances), "as in a cluster"


def test_alerts_reach_alertmanager_which_routes_by_the_regions_tree(standing: Standing) -> None:
    endpoints = standing.telemetry.endpoints

    def firing() -> bool:
        alerts = get(f"{endpoints.alertmanager}/api/v2/alerts", filter="alertname=Watchdog").json()
        return [each["labels"].get("region") for each in alerts] == ["us-east"]

    assert until(firing, SCRAPED_SECONDS)


def test_objects_are_written_by_tls_and_refused_without(standing: Standing) -> None:
    ours = cloud.running(standing.lab.processes, "us-east-1")
    bucket = names.bucket(standing.context.platform, standing.context.name, Pillar.LOGS)
    session = ours.session()
    secure = session.client("s3", endpoint_url=ours.tls_url, verify=str(ours.authority), config=Config(proxies={}))
    secure.put_object(Bucket=bucket, Key="written", Body=b"by TLS")
    plain = session.client("s3", endpoint_url=ours.url, config=Config(proxies={}))
    with pytest.raises(ClientError, match="403"):
        plain.get_object(Bucket=bucket, Key="written")
    assert secure.get_object(Bucket=bucket, Key="written")["Body"].read() == b"by TLS"
    secure.delete_object(Bucket=bucket, Key="written")


def test_a_program_keeps_its_ports_when_it_is_killed_and_started_again(standing: Standing) -> None:
    process = standing.telemetry.process("cluster")
    before = process.child
    assert before is not None
    process.kill()
    assert not process.alive
    process.start()
    after = process.child
    assert after is not None
    assert (after.ports, after.pid != before.pid) == (before.ports, True)


def test_each_collector_has_the_rights_of_its_own_service_account(standing: Standing) -> None:
    """As the cluster's administrator a missing right would not show."""
    for name in ("agent-0", "cluster", "prometheus"):
        text = (standing.telemetry.folder / name / "kubeconfig").read_text()
        (user,) = yaml.safe_load(text)["users"]
        assert list(user["user"]) == ["token"]


def test_no_operator_keeps_the_region_from_being_destroyed(standing: Standing) -> None:
    """Their finalizers would: nobody is there to take them off."""
    api = Api(cluster.server_url(standing.lab.processes), Pki(standing.lab.instance.pki))
    found = api.get("/apis/opentelemetry.io/v1beta1/opentelemetrycollectors")["items"]
    assert {each["metadata"]["name"]: each["metadata"].get("finalizers") for each in found} == {
        "agent": None,
        "gateway": None,
        "cluster": None,
    }


def one_after_the_other(standing: Standing) -> None:
    """Stop each store for a minute; the next is stopped while the one before starts."""
    with ThreadPoolExecutor(len(STORES)) as pool:
        for each in [outage(standing.telemetry.process(name), LONG, pool) for name in STORES]:
            each.result()


def all_at_once(standing: Standing) -> None:
    """Stop all stores together for as long as shows that something waits."""
    processes = [standing.telemetry.process(name) for name in STORES]
    with ThreadPoolExecutor(len(STORES)) as pool:
        list(pool.map(Process.stop, processes))
        pause(SHORT)
        list(pool.map(Process.start, processes))


@pytest.mark.parametrize(
    ("fail", "least"),
    [
        pytest.param(all_at_once, SHORT, id="short"),
        pytest.param(one_after_the_other, len(STORES) * LONG, id="long", marks=pytest.mark.soak),
    ],
)
def test_no_outage_of_a_store_loses_a_span_a_line_or_a_sample(
    standing: Standing, fail: Callable[[Standing], None], least: float
) -> None:
    before, given = samples(standing), loaded(standing, seed=int(least))
    with given.flowing():
        fail(standing)
    sent = given.sent
    assert sent.refused == Counter()
    assert len(sent.spans) >= least * PER_SECOND / 2, "there was load during the outages"
    nothing(lambda: missing_lines(standing, sent), RECOVERY_SECONDS)
    nothing(lambda: missing_spans(standing, sent), RECOVERY_SECONDS)
    becomes(wanted_samples(sent, before), lambda: samples(standing), RECOVERY_SECONDS)
    # Within an outage Loki may not have had a line yet; now it holds them, and is told to write them.
    HTTP.post(f"{standing.telemetry.endpoints.loki}/flush", timeout=10).raise_for_status()
    written = until(lambda: any(key.startswith("shop/") for key in keys(standing, Pillar.LOGS)), RECOVERY_SECONDS)
    assert written, "what Loki holds is in the region's bucket"


def test_a_killed_gateway_loses_no_line_no_sample_and_no_trace_that_it_had_decided(standing: Standing) -> None:
    before, given = samples(standing), loaded(standing, seed=3)
    gateway = standing.telemetry.process("gateway-0")
    window = standing.context.platform.collection.decision_wait_after_root.seconds
    with given.flowing():
        pause(window + TRANSIT_SECONDS + 3)
        gateway.kill()
        killed = time.time()
        pause(2)
        gateway.start()
        started = time.time()
    sent = given.sent
    assert sent.refused == Counter()
    nothing(lambda: missing_lines(standing, sent), RECOVERY_SECONDS)
    becomes(wanted_samples(sent, before), lambda: samples(standing), RECOVERY_SECONDS)
    times = {line.trace_id: line.time_ns / 1e9 for line in sent.lines}
    undecided = {trace for trace, at in times.items() if killed - window - TRANSIT_SECONDS <= at <= started}
    decided = Sent(spans=Counter({trace: count for trace, count in sent.spans.items() if trace not in undecided}))
    nothing(lambda: missing_spans(standing, decided), RECOVERY_SECONDS)
    lost = missing_spans(standing, sent)
    assert set(lost) <= undecided
    # About half of the window's traces were the killed gateway's; what the other had is whole.
    assert len(lost) < len(undecided)
