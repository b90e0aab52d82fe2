"""Load while something fails, and what is missing afterwards, by what was accepted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import requests
from botocore.config import Config

from lab import cloud
from lab.signals import send
from lab.signals.metrics import SEQUENCE
from lab.signals.plan import Plan, Pod
from lab.signals.sent import Sent
from lab.telemetry.run import Process
from settings import names
from settings.vocabulary import Pillar
from tests.lab.telemetry.standing import Standing

NAMESPACE = "shop-jobs"
"""A namespace of shop that nobody else sends from."""
PER_SECOND = 10
PLAN = Plan(traces=5_000, error_share=1.0, slow_share=0.0, namespaces=(NAMESPACE,), per_second=PER_SECOND, chunk=5)
"""Requests that sampling keeps, each 14 spans; more of them than any outage here lasts."""
PAGE = 5_000
"""Lines that Loki gives at once."""
REFUSED = "otelcol_receiver_refused_log_records"
RECORDING = "collector:refused_items:rate5m"


def keys(standing: Standing, pillar: Pillar) -> list[str]:
    """Return what a pillar's bucket holds."""
    ours = cloud.running(standing.lab.processes, "us-east-1")
    store = ours.session().client("s3", endpoint_url=ours.url, config=Config(proxies={}))
    bucket = names.bucket(standing.context.platform, standing.context.name, pillar)
    return [each["Key"] for each in store.list_objects_v2(Bucket=bucket).get("Contents", [])]


@dataclass
class Load:
    """What is sent while something fails."""

    plan: Plan
    pods: list[Pod]
    sent: Sent = field(default_factory=Sent)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Send while the context lasts; at its end `sent` has what was accepted."""
        ended = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            sending: Future[Sent] = pool.submit(send.run, self.plan, self.pods, stop=ended.is_set)
            try:
                yield
            finally:
                ended.set()
        self.sent = sending.result()


def loaded(standing: Standing, seed: int) -> Load:
    return Load(replace(PLAN, seed=seed), standing.pods(PLAN))


def pause(seconds: float) -> None:
    """Let an outage last; nothing is waited for."""
    threading.Event().wait(seconds)


def missing_spans(standing: Standing, sent: Sent) -> Counter[str]:
    """Return how many spans each trace lacks in Tempo."""
    reader = standing.stores.reader
    found = Counter({trace: len({span["spanId"] for span in reader.trace(trace)}) for trace in sent.spans})
    return sent.spans - found


def missing_lines(standing: Standing, sent: Sent) -> Counter[tuple[str, str, str]]:
    """Return the lines that Loki lacks."""
    wanted = Counter((line.trace_id, line.span_id, line.body) for line in sent.lines)
    since = f"{int(time.time() - min(line.time_ns for line in sent.lines) / 1e9) + 60}s"
    found: Counter[tuple[str, str, str]] = Counter()
    for service in {line.service for line in sent.lines}:
        selector = f'{{k8s_namespace_name="{NAMESPACE}", service_name="{service}"}}'
        for each in standing.stores.reader.lines(selector, since=since, limit=PAGE):
            found[each.labels["trace_id"], each.labels["span_id"], each.text] += 1
    return wanted - found


def samples(standing: Standing) -> Counter[str]:
    """Return how many samples each service's sequence has."""
    name = SEQUENCE.replace(".", "_")
    expression = f'sum by (service_name) (count_over_time({name}{{k8s_namespace_name="{NAMESPACE}"}}[1h]))'
    found = standing.stores.reader.samples(expression)
    return Counter({each.labels["service_name"]: round(each.value) for each in found})


def wanted_samples(sent: Sent, before: Counter[str]) -> Counter[str]:
    return before + Counter({service: count for (_, service), count in sent.exports.items()})


def outage(process: Process, seconds: float, pool: ThreadPoolExecutor) -> Future[None]:
    """Stop a program for a while; the start is not waited for here."""
    process.stop()
    pause(seconds)
    return pool.submit(process.start)


def post_log(pod_url: str, session: requests.Session, number: int) -> bool:
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": f"full {number} " + "x" * 500}}
    document = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [record]}]}]}
    return session.post(f"{pod_url}/v1/logs", json=document, timeout=10).ok
