"""The labels that each Kubernetes object of this program carries."""

from __future__ import annotations

from settings import names


def labels(name: str) -> dict[str, str]:
    """Return the recommended labels of an object.

    Args:
        name: what the object belongs to (`grafana`, `agent`), the value of `app.kubernetes.io/name`.
    """
    return {
        "app.kubernetes.io/managed-by": "pulumi",
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": names.PROJECT,
    }
