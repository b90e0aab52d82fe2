"""Kubernetes objects and manifests without a cluster: names, comparison, YAML, order, configuration."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.providers.changes import changes
from lab.providers.kubernetes import objects
from lab.providers.kubernetes.cluster import Gvk
from lab.providers.kubernetes.kubeconfig import endpoint
from lab.providers.kubernetes.manifests import levels, parse
from lab.providers.kubernetes.provider import KubernetesProvider
from lab.providers.protocol import ProviderError
from lab.providers.values import UNKNOWN


def thing(kind: str, name: str, namespace: str | None = None, version: str = "v1", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def test_a_generated_name_is_kept_and_a_given_one_too() -> None:
    made = objects.named({"kind": "ConfigMap"}, {}, "Web", b"seed")
    name = made["metadata"]["name"]
    assert name.startswith("web-")
    assert len(name) == 12
    assert objects.named({"kind": "ConfigMap"}, {}, "Web", b"seed") == made, "the engine's seed decides"
    assert objects.named({"kind": "ConfigMap"}, made, "Web", b"other")["metadata"]["name"] == name
    assert objects.named(thing("ConfigMap", "given"), {}, "Web", b"seed") == thing("ConfigMap", "given")


@pytest.mark.parametrize(
    ("path", "old", "new", "equal"),
    [
        (("spec", "limits", "cpu"), "1", "1000m", True),
        (("spec", "limits", "memory"), "1Gi", "1024Mi", True),
        (("spec", "limits", "cpu"), "1", "2", False),
        (("spec", "limits", "cpu"), 1, "1", True),
        (("data", "a"), "1", "1000m", False),
        (("spec", "nodeSelector"), None, {}, True),
        (("spec", "hostNetwork"), None, False, True),
        (("spec", "securityContext"), None, {"a": {}, "b": []}, True),
        (("spec", "replicas"), None, 1, False),
        (("spec", "suspend"), True, None, False),
        (("spec", "requests", "storage"), UNKNOWN, "1Gi", False),
    ],
)
def test_what_means_the_same_to_the_server(path: tuple[str, ...], old: Any, new: Any, equal: bool) -> None:
    assert objects.same(path, old, new) is equal


def test_string_data_is_compared_as_the_data_it_becomes() -> None:
    old = objects.comparable(thing("Secret", "s", data={"a": "MQ=="}), namespaced=True)
    new = objects.comparable(thing("Secret", "s", stringData={"a": "1"}), namespaced=True)
    assert changes(old, new, objects.same) == []


def test_live_state_is_cut_to_the_shape_of_the_inputs() -> None:
    live = {"spec": {"a": 1, "items": [{"x": 1, "y": 2}, {"x": 3}], "added": True}, "status": {}}
    assert objects.pruned(live, {"spec": {"a": 0, "items": [{"x": 0}]}}) == {
        "spec": {"a": 1, "items": [{"x": 1}, {"x": 3}]}
    }


def test_drift_is_taken_into_the_inputs_and_a_server_s_spelling_is_not() -> None:
    inputs = {"cpu": "1000m", "image": "a", "empty": {}, "gone": "x", "list": [{"n": 1}]}
    before = {"cpu": "1", "image": "a", "gone": "x", "list": [{"n": 1, "d": 2}], "status": 1}
    now = {"cpu": "1", "image": "b", "list": [{"n": 1, "d": 2}, {"n": 9}], "status": 2}
    assert objects.followed(inputs, before, now) == {
        "cpu": "1000m",
        "image": "b",
        "empty": {},
        "list": [{"n": 1}, {"n": 9}],
    }


@pytest.mark.parametrize(
    ("token", "gvk"),
    [
        ("kubernetes:core/v1:Secret", Gvk("", "v1", "Secret")),
        ("kubernetes:apps/v1:Deployment", Gvk("apps", "v1", "Deployment")),
        ("kubernetes:monitoring.coreos.com/v1:Prometheus", Gvk("monitoring.coreos.com", "v1", "Prometheus")),
    ],
)
def test_a_type_token_names_a_kind(token: str, gvk: Gvk) -> None:
    assert objects.gvk_of(f"urn:pulumi:s::p::a:b:C${token}::name") == gvk


@pytest.mark.parametrize(
    ("gvk", "obj", "fields"),
    [
        (Gvk("", "v1", "ConfigMap"), {}, set()),
        (Gvk("", "v1", "ConfigMap"), {"immutable": True}, {("data",), ("binaryData",)}),
        (Gvk("", "v1", "Service"), {}, {("spec", "clusterIP")}),
        (Gvk("rbac.authorization.k8s.io", "v1", "RoleBinding"), {}, {("roleRef",)}),
        (Gvk("monitoring.coreos.com", "v1", "Prometheus"), {}, set()),
    ],
)
def test_fields_that_replace(gvk: Gvk, obj: dict[str, Any], fields: set[tuple[str, ...]]) -> None:
    found = set(objects.replacing(gvk, obj, config_maps=True, secrets_too=True))
    assert found == {("metadata", "name"), ("metadata", "namespace")} | fields


def test_yaml_is_read_as_the_api_machinery_reads_it() -> None:
    values = "[2025-01-01, 1:30, 1e3, on, 0o17, 010, 0x1f, '=', =, ~, 0.5, -3, '1']"
    (found,) = parse(f"{{apiVersion: v1, kind: X, metadata: {{name: one}}, v: {values}, k: {{y: 1, 2: 3}}}}")
    assert found["k"] == {"true": 1, "2": 3}
    assert found["v"] == ["2025-01-01", "1:30", 1000.0, True, 15, 8, 31, "=", "=", None, 0.5, -3, "1"]


def test_lists_are_taken_apart_and_empty_documents_dropped() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [thing("ConfigMap", "a"), thing("ConfigMap", "b")]}
    found = parse("---\n# nothing\n---\n" + json.dumps(listed) + "\n---\n" + json.dumps(thing("ConfigMap", "c")))
    assert [obj["metadata"]["name"] for obj in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{kind: X}", "Kubernetes resources require a kind and apiVersion: `{'kind': 'X'}`"),
        ("{apiVersion: v1, kind: X}", "Kubernetes resources require a .metadata.name"),
        ("a: [", "decoding YAML: "),
    ],
)
def test_what_is_no_object_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ProviderError) as caught:
        parse(text)
    assert str(caught.value).startswith(sentence)


def test_objects_go_after_their_namespace_their_definition_and_what_they_name() -> None:
    definition = thing(
        "CustomResourceDefinition",
        "widgets.example.org",
        version="apiextensions.k8s.io/v1",
        spec={"group": "example.org", "names": {"kind": "Widget"}},
    )
    late = thing(
        "ConfigMap",
        "late",
        "n",
        metadata={"annotations": {"config.kubernetes.io/depends-on": "/namespaces/n/ConfigMap/early,/ConfigMap/other"}},
    )
    listed = [
        late,
        thing("Widget", "w", "n", version="example.org/v1"),
        definition,
        thing("ConfigMap", "early", "n"),
        thing("Namespace", "n"),
    ]
    order = [[obj["metadata"]["name"] for obj, _ in level] for level in levels(listed)]
    assert order == [["widgets.example.org", "n"], ["w", "early"], ["late"]]
    needs = {obj["metadata"]["name"]: keys for level in levels(listed) for obj, keys in level}
    assert {key[3] for key in needs["late"]} == {"n", "early"}
    assert {key[3] for key in needs["w"]} == {"n", "widgets.example.org"}


def test_objects_that_wait_for_each_other_are_refused() -> None:
    def after(name: str, other: str) -> dict[str, Any]:
        return thing("Node", name, metadata={"annotations": {"config.kubernetes.io/depends-on": f"/Node/{other}"}})

    with pytest.raises(ProviderError, match="cyclic dependency among Node a, Node b"):
        list(levels([after("a", "b"), after("b", "a")]))


def kubeconfig(**user: Any) -> str:
    return yaml.safe_dump(
        {
            "current-context": "one",
            "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1/"}}],
            "users": [{"name": "u", "user": user}],
        }
    )


def test_a_kubeconfig_is_a_path_contents_or_the_environment_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text(kubeconfig(token="t"))
    monkeypatch.setenv("KUBECONFIG", str(file))
    for config in ({"kubeconfig": str(file)}, {"kubeconfig": file.read_text()}, {}):
        found = endpoint(config)
        assert (found.server, found.token, found.namespace) == ("https://127.0.0.1:1", "t", "n")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"kubeconfig": "/nowhere"},
            "kubernetes:kubeconfig: /nowhere cannot be read (No such file or directory); give a path or the contents.",
        ),
        (
            {"kubeconfig": kubeconfig(), "context": "two"},
            "kubeconfig: contexts has no 'two' (it has: one); name one of them.",
        ),
        (
            {"kubeconfig": kubeconfig(exec={})},
            "kubeconfig: the user logs in through a program, which the stand-in provider does not run; "
            "use a token or a client certificate, or the real provider.",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_serve_is_refused(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ProviderError) as caught:
        endpoint(config)
    assert str(caught.value) == sentence


def test_strict_mode_wants_an_explicit_cluster() -> None:
    provider = KubernetesProvider()
    assert [each.property for each in provider.check_config({"strictMode": "true"})] == ["kubeconfig", "context"]
    assert provider.check_config({"strictMode": "true", "kubeconfig": "k", "context": "c"}) == []
    assert provider.check_config({}) == []


def test_another_cluster_replaces_and_another_way_to_the_same_does_not() -> None:
    provider = KubernetesProvider()
    one = {"kubeconfig": kubeconfig(token="a")}
    same = {"kubeconfig": kubeconfig(token="b")}
    other = {"kubeconfig": kubeconfig(token="a").replace("127.0.0.1:1", "127.0.0.1:2")}
    assert provider.diff_config(one, same) == []
    assert provider.diff_config(one, other) == ["kubeconfig"]
    assert provider.diff_config({**one, "clusterIdentifier": "x"}, {**other, "clusterIdentifier": "x"}) == []
    assert provider.diff_config({**one, "clusterIdentifier": "x"}, {**one, "clusterIdentifier": "y"}) == [
        "clusterIdentifier"
    ]


def test_a_flag_that_is_no_boolean_is_refused() -> None:
    with pytest.raises(ProviderError, match="provider configuration strictMode: 'yes' is not a boolean"):
        KubernetesProvider().check_config({"strictMode": "yes"})
