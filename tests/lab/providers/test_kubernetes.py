"""The kubernetes stand-in below the real engine, against a real API server."""

import base64
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest
import yaml
from pulumi import automation

from lab.waiting import until
from tests.lab.providers.conftest import Engine, Region

# The SDK runs each inline program in an event loop that it does not close.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def provider(region: Region, **settings: Any) -> pulumi.ResourceOptions:
    settings.setdefault("cluster_identifier", "test")
    return pulumi.ResourceOptions(
        provider=kubernetes.Provider("cluster", kubeconfig=str(region.kubeconfig), context="lab", **settings)
    )


def live(region: Region, kind: str, name: str, namespace: str | None, version: str = "v1") -> dict[str, Any] | None:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return region.cluster.get({"apiVersion": version, "kind": kind, "metadata": metadata})


def change(region: Region, obj: dict[str, Any]) -> None:
    """Change an object behind the engine's back, as kubectl --force-conflicts would."""
    region.cluster.apply(obj, "somebody-else", force=True, dry_run=False)


def workload(name: str, app: str, image: str, opts: pulumi.ResourceOptions) -> kubernetes.apps.v1.Deployment:
    return kubernetes.apps.v1.Deployment(
        "d",
        metadata={"name": name, "namespace": "default"},
        spec={
            "selector": {"match_labels": {"app": app}},
            "template": {
                "metadata": {"labels": {"app": app}},
                "spec": {"containers": [{"name": "main", "image": image, "resources": {"limits": {"cpu": "1000m"}}}]},
            },
        },
        opts=opts,
    )


def steps(found: list[Any]) -> dict[str, str]:
    """Return what a preview would do to each resource, by its name in the program."""
    return {step.urn.rsplit("::", 1)[-1]: str(step.op.value) for step in found}


def paths(found: list[Any], name: str) -> dict[str, str]:
    """Return the changed paths of one resource, each with its kind."""
    # A replacement comes as three steps with the same changes.
    return {
        path: str(each.diff_kind.value)
        for step in found
        if step.urn.endswith(f"::{name}")
        for path, each in (step.detailed_diff or {}).items()
    }


def test_a_name_is_generated_once_and_a_second_preview_is_empty(engine: Engine, region: Region) -> None:
    def program() -> None:
        opts = provider(region)
        namespace = kubernetes.core.v1.Namespace("auto", opts=opts)
        kubernetes.core.v1.ConfigMap(
            "settings", metadata={"namespace": namespace.metadata.name}, data={"a": "1"}, opts=opts
        )
        pulumi.export("namespace", namespace.metadata.name)

    engine.program(program)
    engine.up()
    name = str(engine.stack.outputs()["namespace"].value)
    assert name.startswith("auto-")
    assert len(name) == len("auto-") + 8
    assert live(region, "Namespace", name, None) is not None
    assert engine.preview() == []
    engine.stack.destroy()
    assert live(region, "Namespace", name, None) is None


def test_a_preview_is_validated_by_the_server_and_creates_nothing(engine: Engine, region: Region) -> None:
    def right() -> None:
        kubernetes.core.v1.ConfigMap(
            "c", metadata={"name": "dry", "namespace": "default"}, data={"a": "1"}, opts=provider(region)
        )

    def wrong() -> None:
        kubernetes.core.v1.ConfigMap(
            "c", metadata={"name": "Not_A_Name", "namespace": "default"}, opts=provider(region)
        )

    engine.program(right)
    assert steps(engine.preview())["c"] == "create"
    assert live(region, "ConfigMap", "dry", "default") is None
    engine.program(wrong)
    with pytest.raises(automation.CommandError, match="would be refused by the Kubernetes API server"):
        engine.preview()


def test_changed_paths_are_named_and_only_what_must_be_is_replaced(engine: Engine, region: Region) -> None:
    engine.program(lambda: workload("web", "web", "nginx:1", provider(region)))
    engine.up()
    before = live(region, "Deployment", "web", "default", "apps/v1")
    assert before is not None

    engine.program(lambda: workload("web", "web", "nginx:2", provider(region)))
    found = engine.preview()
    assert paths(found, "d") == {"spec.template.spec.containers[0].image": "update"}
    assert steps(found)["d"] == "update"
    engine.up()
    after = live(region, "Deployment", "web", "default", "apps/v1")
    assert after is not None
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"

    engine.program(lambda: workload("web", "site", "nginx:2", provider(region)))
    found = engine.preview()
    assert paths(found, "d")["spec.selector.matchLabels.app"] == "update-replace"
    assert "delete-replaced" in {step.op.value for step in found}
    engine.up()
    replaced = live(region, "Deployment", "web", "default", "apps/v1")
    assert replaced is not None
    assert replaced["metadata"]["uid"] != before["metadata"]["uid"]
    assert engine.preview() == []


@pytest.mark.parametrize(("mutable", "expected"), [(True, "update"), (False, "update-replace")])
def test_config_map_data_is_replaced_unless_mutable(
    engine: Engine, region: Region, mutable: bool, expected: str
) -> None:
    name = f"data-{expected}"

    def program(value: str) -> None:
        kubernetes.core.v1.ConfigMap(
            "c",
            metadata={"name": name, "namespace": "default"},
            data={"a.yaml": value},
            opts=provider(region, enable_config_map_mutable=mutable),
        )

    engine.program(lambda: program("1"))
    engine.up()
    engine.program(lambda: program("2"))
    assert paths(engine.preview(), "c") == {'data["a.yaml"]': expected}
    engine.up()
    found = live(region, "ConfigMap", name, "default")
    assert found is not None
    assert found["data"] == {"a.yaml": "2"}


def test_drift_shows_after_a_refresh_and_up_takes_it_back(engine: Engine, region: Region) -> None:
    engine.program(
        lambda: [workload("drift", "drift", "nginx:1", provider(region, enable_patch_force=True))][0] and None
    )
    engine.up()
    assert engine.preview() == [], "1000m, which the server writes as 1, is no change"
    assert engine.refresh() == []
    assert engine.preview() == [], "nor is it after a refresh"
    change(
        region,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "drift", "namespace": "default"},
            "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:evil"}]}}},
        },
    )
    assert engine.preview() == [], "nothing is asked of the cluster before a refresh"
    engine.refresh()
    assert paths(engine.preview(), "d") == {"spec.template.spec.containers[0].image": "update"}
    engine.up()
    found = live(region, "Deployment", "drift", "default", "apps/v1")
    assert found is not None
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1"


def test_another_manager_s_field_is_not_taken_without_force(engine: Engine, region: Region) -> None:
    def program(value: str) -> None:
        kubernetes.core.v1.ConfigMap(
            "c",
            metadata={"name": "owned", "namespace": "default"},
            data={"a": value},
            opts=provider(region, enable_config_map_mutable=True),
        )

    engine.program(lambda: program("1"))
    engine.up()
    owned = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "namespace": "default"}}
    change(region, {**owned, "data": {"a": "theirs"}})
    engine.program(lambda: program("2"))
    with pytest.raises(automation.CommandError, match=r"set the annotation pulumi\.com/patchForce to take them over"):
        engine.up()


def test_an_object_deleted_by_hand_is_made_again(engine: Engine, region: Region) -> None:
    def program() -> None:
        kubernetes.core.v1.ConfigMap(
            "c", metadata={"name": "lost", "namespace": "default"}, data={"a": "1"}, opts=provider(region)
        )

    engine.program(program)
    engine.up()
    lost = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lost", "namespace": "default"}}
    region.cluster.delete(lost, "Background")
    engine.refresh()
    assert steps(engine.preview())["c"] == "create"


def test_a_foreign_object_is_not_taken_over_unless_asked(engine: Engine, region: Region) -> None:
    foreign = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign", "namespace": "default"}}
    change(region, {**foreign, "data": {"theirs": "1"}})

    def program(upsert: bool) -> None:
        kubernetes.core.v1.ConfigMap(
            "c",
            metadata={"name": "foreign", "namespace": "default"},
            data={"ours": "1"},
            opts=provider(region, upsert_existing_objects=upsert),
        )

    engine.program(lambda: program(upsert=False))
    with pytest.raises(automation.CommandError, match='ConfigMap "foreign" already exists; import it'):
        engine.up()
    engine.program(lambda: program(upsert=True))
    engine.up()
    found = live(region, "ConfigMap", "foreign", "default")
    assert found is not None
    assert found["data"] == {"ours": "1", "theirs": "1"}


def test_no_secret_is_readable_in_state_or_display(engine: Engine, region: Region) -> None:
    plain_text = "hunter2-of-the-test"

    def program() -> None:
        opts = provider(region)
        password = random.RandomPassword("password", length=24, special=False)
        kubernetes.core.v1.Secret(
            "s",
            metadata={"name": "hidden", "namespace": "default"},
            string_data={"given": plain_text, "generated": password.result},
            opts=opts,
        )

    engine.program(program)
    shown = engine.stack.up(on_event=lambda _event: None).stdout
    found = live(region, "Secret", "hidden", "default")
    assert found is not None
    generated = base64.b64decode(found["data"]["generated"]).decode()
    assert len(generated) == 24
    state = engine.state()
    assert '"kubernetes:core/v1:Secret"' in state
    for value in (plain_text, generated):
        for text in (value, base64.b64encode(value.encode()).decode()):
            assert text not in state
            assert text not in shown
    assert engine.preview() == []
    engine.refresh()
    assert engine.preview() == []


def test_what_depends_on_something_new_is_unknown_at_preview(engine: Engine, region: Region) -> None:
    def program() -> None:
        opts = provider(region)
        name = random.RandomId("suffix", byte_length=2).hex
        kubernetes.core.v1.ConfigMap(
            "c", metadata={"name": "unknown", "namespace": "default"}, data={"suffix": name}, opts=opts
        )

    engine.program(program)
    assert steps(engine.preview())["c"] == "create"
    engine.up()
    found = live(region, "ConfigMap", "unknown", "default")
    assert found is not None
    assert len(found["data"]["suffix"]) == 4


def test_an_object_is_imported_without_a_change(engine: Engine, region: Region) -> None:
    adopted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "adopted", "namespace": "default"}}
    change(region, {**adopted, "data": {"a": "1"}})

    def program() -> None:
        kubernetes.core.v1.ConfigMap(
            "c",
            metadata={"name": "adopted", "namespace": "default"},
            data={"a": "1"},
            opts=pulumi.ResourceOptions.merge(provider(region), pulumi.ResourceOptions(import_="default/adopted")),
        )

    engine.program(program)
    assert steps(engine.up())["c"] == "import"
    assert engine.preview() == []


def test_a_custom_resource_waits_for_its_definition_in_the_same_run(engine: Engine, region: Region) -> None:
    def program(size: int = 1) -> None:
        opts = provider(region)
        definition = kubernetes.apiextensions.v1.CustomResourceDefinition(
            "definition",
            metadata={"name": "widgets.lab.example.org"},
            spec={
                "group": "lab.example.org",
                "scope": "Namespaced",
                "names": {"plural": "widgets", "kind": "Widget"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {
                            "open_apiv3_schema": {
                                "type": "object",
                                "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                            }
                        },
                    }
                ],
            },
            opts=opts,
        )
        kubernetes.apiextensions.CustomResource(
            "widget",
            api_version="lab.example.org/v1",
            kind="Widget",
            metadata={"name": "one", "namespace": "default"},
            spec={"size": size},
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[definition])),
        )

    engine.program(program)
    assert steps(engine.preview())["widget"] == "create"
    engine.up()
    found = live(region, "Widget", "one", "default", "lab.example.org/v1")
    assert found is not None
    assert found["spec"] == {"size": 1}
    assert engine.preview() == []
    engine.program(lambda: program(2))
    assert paths(engine.preview(), "widget") == {"spec.size": "update"}
    engine.up()


def test_two_provider_resources_keep_their_own_settings(engine: Engine, region: Region) -> None:
    def program() -> None:
        for name in ("kube-public", "default"):
            chosen = kubernetes.Provider(
                f"in-{name}",
                kubeconfig=str(region.kubeconfig),
                context="lab",
                namespace=name,
                cluster_identifier=name,
            )
            kubernetes.core.v1.ConfigMap(
                f"c-{name}", metadata={"name": "placed"}, opts=pulumi.ResourceOptions(provider=chosen)
            )

    engine.program(program)
    engine.up()
    assert live(region, "ConfigMap", "placed", "kube-public") is not None
    assert live(region, "ConfigMap", "placed", "default") is not None


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
