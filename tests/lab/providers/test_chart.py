"""Construct of helm.sh/v4 Chart below the real engine: children, their names and changes, what is kept and hidden."""

import base64
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest
import yaml
from pulumi import automation

from automation.waiting import until
from tests.lab.providers.conftest import Engine, Region
from tests.lab.providers.programs import live, paths, provider, steps

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: small\nversion: 0.1.0\n",
    "values.yaml": "size: 1\ndefaulted: yes\nprobe: {path: /}\n",
    "crds/gadgets.yaml": yaml.safe_dump(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "gadgets.lab.example.org"},
            "spec": {
                "group": "lab.example.org",
                "scope": "Cluster",
                "names": {"plural": "gadgets", "kind": "Gadget"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                ],
            },
        }
    ),
    "templates/all.yaml": """
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: {{ .Release.Name }}-settings}
    data:
      size: {{ .Values.size | quote }}
      date: 2025-01-01
      probe: {{ .Values.probe | toJson | quote }}
      kube: {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" | quote }}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-secret, annotations: {helm.sh/resource-policy: keep}}
stringData: {password: in-the-chart}
---
apiVersion: lab.example.org/v1
kind: Gadget
metadata: {name: {{ .Release.Name }}}
spec: {size: {{ .Values.size }}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: hook, annotations: {helm.sh/hook: post-install}}
""",
}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    for name, text in CHART.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_a_chart_s_objects_are_children_and_change_one_by_one(engine: Engine, region: Region, chart: Path) -> None:
    seen: list[str] = []

    def note(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        seen.append(args.type_)
        return None

    def program(size: int) -> None:
        opts = pulumi.ResourceOptions.merge(provider(region), pulumi.ResourceOptions(transforms=[note]))
        installed = kubernetes.helm.v4.Chart(
            "small",
            chart=str(chart),
            name="release",
            namespace="default",
            values={"size": size, "probe": None},
            opts=opts,
        )
        kubernetes.core.v1.ConfigMap(
            "after",
            metadata={"name": "after", "namespace": "default"},
            opts=pulumi.ResourceOptions.merge(provider_of(opts), pulumi.ResourceOptions(depends_on=[installed])),
        )

    def provider_of(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=opts.provider)

    engine.program(lambda: program(1))
    assert {name for name in steps(engine.preview()) if name.startswith("small:")} == {
        "small:default/release-settings",
        "small:default/release-secret",
        "small:release",
        "small:gadgets.lab.example.org",
    }
    engine.up()
    settings = live(region, "ConfigMap", "release-settings", "default")
    assert settings is not None
    assert settings["data"] == {"size": "1", "date": "2025-01-01", "probe": "null", "kube": "true"}
    assert {"kubernetes:core/v1:ConfigMap", "kubernetes:lab.example.org/v1:Gadget"} <= set(seen)
    assert "in-the-chart" not in engine.state()
    assert base64.b64encode(b"in-the-chart").decode() not in engine.state()
    assert engine.preview() == []

    engine.program(lambda: program(2))
    found = engine.preview()
    assert paths(found, "small:default/release-settings") == {"data.size": "update-replace"}
    assert paths(found, "small:release") == {"spec.size": "update"}
    engine.up()
    engine.stack.destroy()
    assert live(region, "Secret", "release-secret", "default") is not None, "resource-policy: keep"
    assert until(lambda: live(region, "ConfigMap", "release-settings", "default") is None, 10)


def test_a_chart_with_an_unknown_value_registers_nothing_at_preview(
    engine: Engine, region: Region, chart: Path
) -> None:
    def program() -> None:
        size = random.RandomId("size", byte_length=2).dec
        kubernetes.helm.v4.Chart(
            "small", chart=str(chart), namespace="default", values={"size": size}, opts=provider(region)
        )

    engine.program(program)
    events: list[Any] = []
    engine.stack.preview(on_event=events.append)
    created = [event.resource_pre_event.metadata.urn for event in events if event.resource_pre_event]
    assert not [name for name in created if "::small:" in name]
    assert "unknown values. Preview is incomplete" in "".join(
        event.diagnostic_event.message for event in events if event.diagnostic_event
    )


def test_helm_s_own_words_reach_whoever_runs_the_program(engine: Engine, region: Region, tmp_path: Path) -> None:
    engine.program(lambda: kubernetes.helm.v4.Chart("small", chart=str(tmp_path / "nowhere"), opts=provider(region)))
    with pytest.raises(automation.CommandError, match="nowhere"):
        engine.preview()
