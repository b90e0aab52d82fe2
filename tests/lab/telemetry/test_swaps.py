"""What the run swaps, and how the lab's cloud judges a bucket's policy: the parts that need no run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.values.alert_routing import alertmanager_config
from components.values.rule_files import rule_files
from lab import aws
from lab.instance import Instance
from lab.problem import LabError
from lab.process import Processes
from lab.telemetry import command, monitoring
from lab.telemetry.addresses import swapped
from lab.telemetry.container import swapped_paths
from lab.telemetry.operators import answers
from settings.vocabulary import Topology
from tests import alertmanagers
from tests.contexts import context
from tests.lab.telemetry.outages import RECORDING, REFUSED
from tests.routing import with_everything

NOWHERE = "127.0.0.1:1"
"""A place on loopback where nobody listens."""
POLICY = {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("condition", "known", "holds"),
    [
        (POLICY, {"aws:SecureTransport": "false"}, True),
        (POLICY, {"aws:SecureTransport": "true"}, False),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {"s3:TlsVersion": "1.1"}, True),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {"s3:TlsVersion": "1.3"}, False),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {}, False),
        ({"StringNotEquals": {"aws:PrincipalAccount": "1"}}, {"aws:PrincipalAccount": "1"}, False),
        ({"StringNotEquals": {"aws:PrincipalAccount": "1"}}, {}, True),
        ({"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}, {}, True),
        ({**POLICY, "StringEquals": {"a": ["x", "y"]}}, {"aws:SecureTransport": "false", "a": "y"}, True),
        ({}, {}, True),
    ],
)
def test_a_statement_counts_when_its_condition_holds(
    condition: dict[str, dict[str, object]], known: dict[str, str], holds: bool
) -> None:
    assert aws.holds(condition, known) is holds


def test_an_operator_that_the_lab_does_not_know_is_no_guess() -> None:
    with pytest.raises(ValueError, match=r"^Condition\.IpAddress: is not known to the lab; allowed: Bool, "):
        aws.holds({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "10.0.0.1"})


def test_paths_are_swapped_as_wholes() -> None:
    mounts = {"/conf": Path("/here/conf"), "/var/loki": Path("/here/storage"), "/tmp": Path("/here/tmp")}  # noqa: S108
    text = '-config=/conf/a.yaml path: "/var/loki" /var/lokis https://host/conf /conf2 /tmp/x'
    assert swapped_paths(text, mounts) == (
        '-config=/here/conf/a.yaml path: "/here/storage" /var/lokis https://host/conf /conf2 /here/tmp/x'
    )


def test_a_path_that_caddy_reads_a_token_from_is_swapped() -> None:
    mounts = {"/etc/tokens": Path("/here/tokens")}
    assert swapped_paths("ph(req, 'file./etc/tokens/shop') profile./etc/tokens", mounts) == (
        "ph(req, 'file./here/tokens/shop') profile./etc/tokens"
    )


def test_a_container_without_mounts_keeps_its_text() -> None:
    assert swapped_paths("-a=/conf", {}) == "-a=/conf"


def test_addresses_are_swapped_by_service_and_port() -> None:
    places = {"loki.observability:80": "127.0.0.1:1", "tempo.observability:4317": "127.0.0.1:2"}
    text = "http://loki.observability.svc.cluster.local/otlp tempo.observability.svc:4317 tempo.observability.svc:99"
    assert swapped(text, places) == "http://127.0.0.1:1/otlp 127.0.0.1:2 tempo.observability.svc:99"


def test_arguments_are_swapped_by_flag() -> None:
    assert monitoring.arguments(["--a=1", "-b=2", "--c"], {"--a": "3", "-d": "4"}) == ["-b=2", "--c", "--a=3", "-d=4"]


def test_the_alert_on_refusals_reads_the_counter_that_was_seen_to_count() -> None:
    rules = [rule for spec in rule_files(context()).values() for group in spec["groups"] for rule in group["rules"]]
    (recording,) = [rule for rule in rules if rule.get("record") == RECORDING]
    (alert,) = [rule for rule in rules if rule.get("alert") == "CollectorRefusingData"]
    assert f'rate({REFUSED}{{tenant="platform"}}[5m])' in recording["expr"]
    assert alert["expr"] == f"{RECORDING} > 0"


@pytest.fixture
def stranded() -> dict[str, Any]:
    """A tree with receivers of every kind, as the run starts Alertmanager on it."""
    return monitoring.alertmanager(alertmanager_config(with_everything()), NOWHERE)


def test_no_receiver_of_any_kind_leads_beyond_loopback(stranded: dict[str, Any]) -> None:
    kinds = {kind for receiver in stranded["receivers"] for kind in receiver} - {"name"}
    assert kinds == {f"{each}_configs" for each in ("email", "pagerduty", "slack", "telegram", "webhook")}
    text = yaml.safe_dump(stranded)
    assert not re.search("url_file|payload", text)
    # client_url is a link that people follow.
    found = re.findall(r"^[ -]*((?:\w+_)?api_url|pagerduty_url|url|(?:smtp_)?smarthost): (?:http://)?(.+)$", text, re.M)
    assert {place for _, place in found if "{{" not in place} == {NOWHERE}
    assert {field for field, _ in found} >= {"url", "smarthost", "smtp_smarthost", "slack_api_url", "telegram_api_url"}


def test_the_labs_alertmanager_takes_it(stranded: dict[str, Any], tmp_path: Path) -> None:
    instance = Instance.of("prod.swaps", tmp_path)
    instance.create()
    processes = Processes(instance)
    file = tmp_path / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(stranded))
    try:
        assert answers(int(alertmanagers.start(processes, file).rpartition(":")[2]), "/-/ready")
    finally:
        processes.stop()


def test_a_topology_that_does_not_run_here_is_refused_before_anything_is_brought_up() -> None:
    command.refuse("dev.us-east", Topology.SINGLE_BINARY)
    with pytest.raises(LabError, match=r"^lab prod\.us-east: topology is 'distributed'; .* Run it with --env dev"):
        command.refuse("prod.us-east", Topology.DISTRIBUTED)
