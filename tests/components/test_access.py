"""The access proxy's objects: what its pods may, where they listen, and that no token is in any of them."""

from __future__ import annotations

import ipaddress
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import tools
from automation.policies.workloads import floating, unbounded, violations
from components.access import Access
from components.values import addresses, secrets
from components.values.access import caddy, endpoints, identities, workload
from settings import names
from settings.vocabulary import Workload
from tests.contexts import SIZED, context
from tests.recording import Recorded, record

STACKS = ("dev.us-east", "prod.us-east", "prod.eu-west")
MODULES = Path(tools.__file__).parent


@cache
def _recorded(stack: str) -> Recorded:
    return record(lambda: Access("access", context(stack)), stack=stack)


def _routes(stack: str) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = caddy.config(context(stack))["apps"]["http"]["servers"]["access"]["routes"]
    return routes


def _proxies(stack: str) -> list[dict[str, Any]]:
    return [step for route in _routes(stack) for step in route["handle"] if step["handler"] == "reverse_proxy"]


@pytest.mark.parametrize(("stack", "size"), SIZED)
def test_the_pods_pass_pod_security_and_are_bounded_and_pinned(stack: str, size: Any) -> None:
    pods = {"Deployment/access-proxy": workload.deployment_spec(context(stack, size=size))["template"]["spec"]}
    assert violations(pods) == unbounded(pods) == floating(pods) == []


def test_the_images_are_of_the_versions_that_the_tests_run() -> None:
    for image, tool in ((workload.CADDY_IMAGE, "caddy"), (workload.ENFORCER_IMAGE, "prom-label-proxy")):
        assert image.rpartition(":")[2].removeprefix("v") == tools.TOOLS[tool].reported(MODULES)


def test_the_enforcer_is_new_enough_to_keep_a_querys_quotes() -> None:
    major, minor, _ = tools.TOOLS["prom-label-proxy"].reported(MODULES).split(".")
    assert (int(major), int(minor)) >= (0, 13)


@pytest.mark.parametrize(("stack", "replicas"), [("dev.us-east", 1), ("prod.us-east", 2)])
def test_production_survives_the_loss_of_a_node(stack: str, replicas: int) -> None:
    recorded = _recorded(stack)
    spec = recorded["access-proxy"].inputs["spec"]
    assert spec["replicas"] == replicas == context(stack).sizing[Workload.ACCESS_PROXY].replicas
    assert ("access-budget" in recorded) is (replicas > 1)
    if replicas > 1:
        assert recorded["access-budget"].inputs["spec"] == {
            "maxUnavailable": 1,
            "selector": {"matchLabels": spec["selector"]["matchLabels"]},
        }


@pytest.mark.parametrize("stack", STACKS)
def test_the_pods_start_after_their_network_policy_and_need_no_api_token(stack: str) -> None:
    recorded = _recorded(stack)
    deployment = recorded["access-proxy"]
    assert {"access-ingress", "access-config", "access-account"} <= deployment.depends_on
    assert deployment.inputs["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert recorded["access-account"].inputs["automountServiceAccountToken"] is False


@pytest.mark.parametrize("stack", STACKS)
def test_every_reader_has_a_file_in_the_secret_and_a_route_and_no_token_is_written(stack: str) -> None:
    given = context(stack)
    readers = [*given.tenants, names.PLATFORM_TENANT]
    assert list(secrets.mounted(given)[addresses.ACCESS_TOKENS_SECRET].sources) == readers
    known = [step for route in _routes(stack) for step in route["handle"] if step["handler"] == "vars"]
    assert [(each["identity"], each["orgs"], each["reads"]) for each in known] == [
        *((name, name, "own") for name in given.tenants),
        (names.PLATFORM_TENANT, "|".join(readers), "across"),
    ]
    matches = [route["match"] for route in _routes(stack) if route.get("group") == "identity"]
    for name, match in zip(readers, matches, strict=True):
        assert f"file.{identities.MOUNT}/{name}'" in match[0]["expression"]
    text = json.dumps([each.inputs for each in _recorded(stack).values()])
    # What a generated token looks like, the digest of the configuration aside.
    text = re.sub(r'"observability-platform/config-digest": "[0-9a-f]{64}"', "", text)
    assert not re.search(r"\b[A-Za-z0-9]{32}\b", text)


def test_a_reader_more_is_another_pod() -> None:
    given = context("dev.us-east")
    fewer = dict(given.platform.tenants)
    fewer.pop("payments")
    before, after = (
        workload.deployment_spec(each)["template"]["metadata"]["annotations"][workload.CONFIG_DIGEST]
        for each in (given, context("dev.us-east", platform={"tenants": fewer}))
    )
    assert before != after


def test_only_our_own_headers_and_what_says_the_format_go_on() -> None:
    passed = {"Accept", "Content-Type"}
    ours = {"Host", "X-Scope-OrgID"}
    for proxy in _proxies("prod.us-east"):
        request = proxy["headers"]["request"]
        assert request["delete"] == ["*"]
        assert request["set"]["X-Scope-OrgID"] == ["{http.vars.orgs}"]
        upgrade = {"Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}
        assert set(request["set"]) in (passed | ours, passed | ours | upgrade)


def test_a_tenant_gets_to_prometheus_and_alertmanager_through_what_enforces_only() -> None:
    direct = {"metrics-prometheus.observability.svc.cluster.local:9090": "prometheus"}
    direct["metrics-alertmanager.observability.svc.cluster.local:9093"] = "alertmanager"
    open_to_all = []
    for route in _routes("prod.us-east"):
        (step,) = [each for each in route["handle"] if each["handler"] == "reverse_proxy"] or [None]
        if step is None or step["upstreams"][0]["dial"] not in direct:
            continue
        if route["match"][0].get("vars") != {"reads": ["across"]}:
            open_to_all.append(route["match"][0]["path_regexp"]["pattern"])
    assert open_to_all == [f"^/prometheus{endpoints.PROMETHEUS_VERSION.pattern}$"]


def test_what_enforces_listens_on_the_pods_loopback_only_and_keeps_the_tenant_label() -> None:
    containers = workload.deployment_spec(context("prod.us-east"))["template"]["spec"]["containers"][1:]
    listens = []
    for container in containers:
        given = dict(each.lstrip("-").partition("=")[::2] for each in container["args"])
        listens.append(given["insecure-listen-address"])
        assert ipaddress.ip_address(listens[-1].partition(":")[0]).is_loopback
        assert (given["label"], given["header-name"]) == ("tenant", caddy.ORG_HEADER)
        assert {"enable-label-apis", "error-on-replace"} <= set(given)
        assert "ports" not in container
    assert listens == [caddy.PROMETHEUS_ENFORCER, caddy.ALERTMANAGER_ENFORCER]


def test_everybody_may_ask_the_proxy_and_only_the_platform_its_metrics() -> None:
    spec = _recorded("prod.us-east")["access-ingress"].inputs["spec"]
    opened = {rule["ports"][0]["port"]: rule["from"] for rule in spec["ingress"]}
    assert opened == {
        8080: [{"namespaceSelector": {}}],
        8081: [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}}],
    }
    (port,) = _recorded("prod.us-east")["access-service"].inputs["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (8080, "http")


def test_there_is_no_way_to_change_the_configuration_at_run_time() -> None:
    config = caddy.config(context("prod.us-east"))
    assert config["admin"] == {"disabled": True, "config": {"persist": False}}
    assert {each["protocols"][0] for each in config["apps"]["http"]["servers"].values()} == {"h1"}


@pytest.mark.parametrize(
    ("uri", "plain"),
    [
        ("/loki/loki/api/v1/query_range?query=%7B%7D", True),
        ("/tempo/api/v2/search/tag/.service.name/values", True),
        ("/prometheus/api/v1/query", True),
        ("/a/../b", False),
        ("/a/./b", False),
        ("/a/...", False),
        ("//a", False),
        ("/a//b", False),
        ("/a/", False),
        ("/a%2fb", False),
        ("/a;b", False),
        ("/a\\b", False),
        ("/", False),
        ("*", False),
        ("/a\n/b", False),
    ],
)
def test_a_path_is_plain_or_refused(uri: str, plain: bool) -> None:
    # Go's `$` without flags is the end of the text, Python's \Z.
    assert (re.search(caddy.PLAIN_URI.replace("$", r"\Z"), uri) is not None) is plain
