"""PromQL that more than one panel or dashboard uses; rules/ records most of it."""

from __future__ import annotations

SELECTOR = 'tenant=~"$tenant", region=~"$region"'
"""What every query of every panel carries."""
SERVICE = f'{SELECTOR}, service_name=~"$service"'
LEGEND = "{{tenant}} {{service_name}}"
"""What a line of a service is called."""
POD = "tenant, region, namespace, pod"
ENTRY_SPANS = 'span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"'
CALLS = "traces_span_metrics_calls_total"
DURATION = "traces_span_metrics_duration_seconds_bucket"


def worst(expr: str, lines: int = 20) -> str:
    """Return the largest of what has many lines: nobody reads more, and each costs."""
    return f"topk({lines}, {expr})"


def request_rate_by_status() -> str:
    """Return requests per second by span status."""
    return f"sum by (status_code) (rate({CALLS}{{{SERVICE}, {ENTRY_SPANS}}}[$__rate_interval]))"


def error_share() -> str:
    """Return the share of failed requests by service, 0 where all succeed, as rules/service.rules.yaml records it."""
    return f"max by (tenant, region, service_name) (service:errors:ratio_rate5m{{{SERVICE}}})"


def request_rate() -> str:
    """Return requests per second of all selected services."""
    return f"sum(service:requests:rate5m{{{SERVICE}}})"


def latency(quantile: float) -> str:
    """Return a quantile of the duration over all selected services; raw buckets, since those carry exemplars."""
    buckets = f"sum by (le) (rate({DURATION}{{{SERVICE}, {ENTRY_SPANS}}}[$__rate_interval]))"
    return f"histogram_quantile({quantile:g}, {buckets})"


def busiest_operations() -> str:
    """Return the ten operations with most requests per second."""
    by = "tenant, region, service_name, span_name"
    return f"topk(10, sum by ({by}) (rate({CALLS}{{{SERVICE}, {ENTRY_SPANS}}}[$__rate_interval])))"


def cpu_saturation() -> str:
    """Return CPU in use of what is requested, by pod, for namespaces of the tenant."""
    rate = f'rate(container_cpu_usage_seconds_total{{{SELECTOR}, container!=""}}[$__rate_interval])'
    used = f"sum by ({POD}) ({rate})"
    asked = f'sum by ({POD}) (kube_pod_container_resource_requests{{{SELECTOR}, resource="cpu"}})'
    return f"{used} / {asked}"


def memory_saturation() -> str:
    """Return memory in use of its limit, by pod, for namespaces of the tenant."""
    used = f'sum by ({POD}) (container_memory_working_set_bytes{{{SELECTOR}, container!=""}})'
    limit = f'sum by ({POD}) (kube_pod_container_resource_limits{{{SELECTOR}, resource="memory"}})'
    return f"{used} / {limit}"


def firing(severities: str = ".+") -> str:
    """Return the alerts that fire, those of some severities only: `page|warn`."""
    return f'ALERTS{{{SELECTOR}, alertstate="firing", severity=~"{severities}"}}'


def firing_alerts(severities: str = ".+") -> str:
    """Return how many alerts fire, 0 when none does."""
    return f"count({firing(severities)}) or vector(0)"


def slowest_services() -> str:
    """Return p95 by service, as rules/service.rules.yaml records it."""
    return f"max by (tenant, region, service_name) (service:latency_seconds:p95_rate5m{{{SERVICE}}})"


def request_rate_against_yesterday() -> str:
    """Return requests per second over those of a day ago, by service."""
    rate = f"service:requests:rate5m{{{SERVICE}}}"
    by = "sum by (tenant, region, service_name)"
    return f"{by} ({rate}) / ({by} ({rate} offset 1d) > 0)"


def restarts() -> str:
    """Return restarts of containers within an hour by pod, of those that had one."""
    return f"sum by ({POD}) (increase(kube_pod_container_status_restarts_total{{{SELECTOR}}}[1h])) > 0"


def targets_down() -> str:
    """Return how many targets do not answer, by job."""
    return f"count by (tenant, region, namespace, job) (up{{{SELECTOR}}} == 0)"


def largest(metric: str) -> str:
    """Return the ten processes with most of something."""
    return f"topk(10, max by ({POD}) ({metric}{{{SELECTOR}}}))"
