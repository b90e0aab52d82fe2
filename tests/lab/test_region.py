"""dev.us-east whole, on the real engine and API server: what stands, what a preview says, what drift and destroy do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from components.values import datasources
from lab.engine import EngineError
from settings import names
from settings.references import given_secrets
from settings.vocabulary import Pillar
from tests.contexts import context
from tests.lab.region import Stand, changes, standing, unwatched

STACK = "dev.us-east"
TIMEOUT = 60


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(STACK, tmp_path_factory.mktemp("dev")) as made:
        yield made


def _kubectl(stand: Stand, *arguments: str, given: str | None = None) -> str:
    done = subprocess.run(
        stand.kubectl(*arguments), input=given, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _aws(stand: Stand, service: str) -> Any:
    session: Any = stand.cloud.session()
    return session.client(service, endpoint_url=stand.cloud.url, config=Config(proxies={}))


def test_a_preview_after_up_shows_no_change_twice_in_a_row(stand: Stand) -> None:
    for _ in range(2):
        result = stand.preview()
        assert (changes(result), result.warnings) == ({}, [])
        assert set(result.counts) == {"same"}


def test_the_crds_stack_shows_no_change_either(stand: Stand) -> None:
    assert changes(stand.engines["crds"].preview(unwatched)) == {}


def test_the_api_server_has_every_object_of_the_state(stand: Stand) -> None:
    resources = stand.state()["checkpoint"]["latest"]["resources"]
    objects = [
        {
            "apiVersion": each["inputs"]["apiVersion"],
            "kind": each["inputs"]["kind"],
            "metadata": {key: each["inputs"]["metadata"].get(key) for key in ("name", "namespace")},
        }
        for each in resources
        if each["custom"] and each["type"].startswith("kubernetes:")
    ]
    assert len(objects) > 150
    listed = _kubectl(
        stand, "get", "-f", "-", "-o", "name", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    )
    assert len(listed.splitlines()) == len(objects)


def test_a_stateful_set_of_a_chart_may_be_replaced_without_losing_its_pods(stand: Stand) -> None:
    found = json.loads(_kubectl(stand, "get", "statefulsets", "-A", "-o", "json"))["items"]
    policies = {
        each["metadata"]["name"]: each["metadata"]["annotations"].get("pulumi.com/deletionPropagationPolicy")
        for each in found
    }
    assert {"loki", "tempo"} <= policies.keys()
    assert set(policies.values()) == {"orphan"}


@pytest.mark.parametrize("pillar", list(Pillar))
def test_a_bucket_is_private_encrypted_tls_only_and_expires(stand: Stand, pillar: Pillar) -> None:
    here = context(STACK)
    bucket, s3 = names.bucket(here.platform, here.name, pillar), _aws(stand, "s3")
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    denials = [each for each in policy["Statement"] if each["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [each["Condition"] for each in denials]
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    kept = getattr(here.platform.retention, pillar).days + here.platform.retention.margin.days
    assert [each["Expiration"]["Days"] for each in lifecycle if "Expiration" in each] == [kept]
    assert [each for each in lifecycle if "AbortIncompleteMultipartUpload" in each]


def test_someones_change_is_seen_by_refresh_and_taken_back_by_up(stand: Stand) -> None:
    target = ["configmap", datasources.CONFIG_MAP, "-n", names.NAMESPACE]
    before = _kubectl(stand, "get", *target, "-o", "jsonpath={.data}")
    # Under the stack's own name, since a field that somebody else owns is refused, not overwritten.
    manager = _kubectl(stand, "get", *target, "--show-managed-fields", "-o", "jsonpath={..manager}").split()[0]
    marked = json.loads(_kubectl(stand, "get", *target, "-o", "jsonpath={.metadata.labels}"))
    changed = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": datasources.CONFIG_MAP, "namespace": names.NAMESPACE, "labels": marked},
        "data": {"datasources.yaml": "changed by hand"},
    }
    _kubectl(stand, "apply", "--server-side", "--field-manager", manager, "-f", "-", given=json.dumps(changed))
    _kubectl(stand, "delete", "service", "loki-gateway", "-n", names.NAMESPACE)

    drift = changes(stand.region.refresh(unwatched))
    assert drift == {
        "update kubernetes:core/v1:ConfigMap metrics-datasources": ('data["datasources.yaml"]',),
        "delete kubernetes:core/v1:Service loki:observability/loki-gateway": (),
    }
    healed = changes(stand.region.up(unwatched))
    assert healed == {
        "update kubernetes:core/v1:ConfigMap metrics-datasources": ('data["datasources.yaml"]',),
        "create kubernetes:core/v1:Service loki:observability/loki-gateway": (),
    }
    assert _kubectl(stand, "get", *target, "-o", "jsonpath={.data}") == before
    assert _kubectl(stand, "get", "service", "loki-gateway", "-n", names.NAMESPACE, "-o", "name")
    assert changes(stand.preview()) == {}


def test_no_secret_shows_anywhere(stand: Stand) -> None:
    """Every secret of the store, generated or given, against all that an operation leaves or shows."""
    store, here = _aws(stand, "secretsmanager"), context(STACK)
    listed = [each["Name"] for each in store.list_secrets()["SecretList"]]
    values = {store.get_secret_value(SecretId=name)["SecretString"] for name in listed}
    given = set(given_secrets(here.platform, here.name).values())
    assert given < set(listed), "the generated ones are there too"
    canaries = {value.encode() for value in values}

    result = json.dumps(stand.preview().document(), default=str).encode()
    live = _kubectl(stand, "get", "configmaps,secrets,pods,deployments,statefulsets,daemonsets", "-A", "-o", "json")
    files = [file for file in stand.lab.instance.folder.rglob("*") if file.is_file()]
    arguments = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if _readable(file)]
    shown = {"preview": result, "cluster": live.encode(), "arguments": b"\0".join(arguments)}
    shown |= {str(file): file.read_bytes() for file in files}
    assert [place for place, content in shown.items() if any(canary in content for canary in canaries)] == []


def _readable(file: Path) -> bool:
    try:
        file.read_bytes()
    except OSError:  # the process has ended meanwhile
        return False
    return True


def test_a_destroy_says_why_it_keeps_a_bucket_with_data_and_leaves_nothing_else(stand: Stand) -> None:
    here = context(STACK)
    bucket = names.bucket(here.platform, here.name, Pillar.LOGS)
    s3 = _aws(stand, "s3")
    s3.delete_bucket_policy(Bucket=bucket)  # it refuses what comes without TLS, as the lab's cloud does
    s3.put_object(Bucket=bucket, Key="chunk", Body=b"logs")

    with pytest.raises(EngineError, match="BucketNotEmpty") as refused:
        stand.region.destroy(unwatched)
    assert bucket in str(refused.value)
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == [bucket]
    assert names.NAMESPACE not in _kubectl(stand, "get", "namespaces", "-o", "name")

    s3.delete_object(Bucket=bucket, Key="chunk")
    stand.region.destroy(unwatched)
    assert s3.list_buckets()["Buckets"] == []
    assert "resources" not in stand.state()["checkpoint"]["latest"]
    stand.engines["crds"].destroy(unwatched)
    kept = [each for each in stand.engines["crds"].protected() if "CustomResourceDefinition" in each]
    assert len(kept) == len(names.CRDS), "CRDs stay: with one go all objects of its kind"
