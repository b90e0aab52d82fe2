"""The policy pack as the engine runs it: a process of its own with the real SDK, asked over gRPC about a stack."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import proxy

from automation.policies import RULES
from automation.recorder import Planned
from lab.instance import ROOT
from tests.automation.plans import ACCESS, BUCKET, RIGHT, config_map, workload

PACK = ROOT / "policy"
UNKNOWN = {name: value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_")}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    place = tmp_path_factory.mktemp("elsewhere")
    with subprocess.Popen([sys.executable, "-u", str(PACK)], stdout=subprocess.PIPE, cwd=place) as running:
        try:
            assert running.stdout is not None
            with grpc.insecure_channel(f"127.0.0.1:{int(running.stdout.readline())}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            running.kill()


def analyzed(
    pack: analyzer_pb2_grpc.AnalyzerStub, plan: Sequence[Planned], *, stack: str = "prod.us-east"
) -> list[tuple[str, str]]:
    """Return rule and message of each violation, all of which must be mandatory."""
    resources = []
    for each in plan:
        properties = struct_pb2.Struct()
        properties.update(each.inputs)
        resources.append(
            analyzer_pb2.AnalyzerResource(
                type=each.type,
                properties=properties,
                urn=each.urn.replace("prod.us-east", stack),
                name="thing",
                options=analyzer_pb2.AnalyzerResourceOptions(protect=each.protect),
            )
        )
    found = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources)).diagnostics
    assert {each.enforcementLevel for each in found} <= {analyzer_pb2.MANDATORY}, [each.message for each in found]
    assert {each.urn for each in found} <= {each.urn for each in resources}
    return [(each.policyName, each.message.partition("\n")[2]) for each in found]


def test_the_pack_has_every_rule_and_each_is_mandatory(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())
    assert {each.name: each.enforcementLevel for each in info.policies} == dict.fromkeys(RULES, analyzer_pb2.MANDATORY)


def test_the_pack_runs_in_the_repository_s_own_environment() -> None:
    options = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())["runtime"]["options"]
    assert (PACK / options["virtualenv"]).resolve() == (ROOT / ".venv").resolve()


def test_what_is_right_passes(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    assert analyzed(pack, RIGHT) == []


def test_a_mistake_is_reported_with_its_resource(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    found = analyzed(pack, [workload(image="x:latest"), replace(BUCKET, protect=False)])
    assert [rule for rule, _ in found] == ["no-public-bucket", "no-latest-tag", "protected-stateful"]
    assert found[1][1] == "runs x:latest; allowed: an image with a version; fix: add its tag or digest"


@pytest.mark.parametrize("unknown", UNKNOWN.values(), ids=UNKNOWN)
def test_a_value_that_only_the_update_will_know_switches_no_rule_off(
    pack: analyzer_pb2_grpc.AnalyzerStub, unknown: str
) -> None:
    right: list[Planned] = [
        workload(image=unknown, resources=unknown, securityContext={**_secure(), "capabilities": {"drop": [unknown]}}),
        config_map(password=unknown),
        replace(BUCKET, inputs={"bucket": unknown}),
        replace(ACCESS, inputs={**ACCESS.inputs, "bucket": unknown}),
    ]
    assert analyzed(pack, right) == []
    wrong = [config_map(password="c4naryvalue1"), workload(image="x:latest", securityContext={"privileged": True})]
    assert {rule for rule, _ in analyzed(pack, [*right, *wrong])} == {
        "no-latest-tag",
        "no-credential-in-configmap",
        "pod-security",
    }


def _secure() -> dict[str, Any]:
    context: dict[str, Any] = workload().inputs["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    return context


@pytest.mark.parametrize(
    ("stack", "rules"),
    [
        ("dev.us-east", []),
        ("prod.us-east", ["protected-stateful"]),
        ("elsewhere.us-east", ["protected-stateful"]),
    ],
)
def test_protection_is_asked_for_where_the_settings_do(
    pack: analyzer_pb2_grpc.AnalyzerStub, stack: str, rules: list[str]
) -> None:
    bare = [ACCESS, replace(BUCKET, protect=False)]
    assert [rule for rule, _ in analyzed(pack, bare, stack=stack)] == rules
