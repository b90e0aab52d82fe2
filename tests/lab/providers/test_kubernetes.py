"""The kubernetes stand-in below the real engine, against a real API server."""

import base64

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest
from pulumi import automation

from tests.lab.providers.conftest import Engine, Region
from tests.lab.providers.programs import change, live, paths, provider, steps, workload


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
