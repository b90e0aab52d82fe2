"""What the tests' programs are made of, and how to look at what became of them."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from tests.lab.providers.conftest import Region


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
