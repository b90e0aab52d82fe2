"""What a destroy keeps is said with what its deletion would cost."""

from __future__ import annotations

import pytest

from lab.removal import Kept

URN = "urn:pulumi:dev.us-east::observability-platform::observability-platform:components:Region${}::{}"


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        (
            "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
            "crds:probes.monitoring.coreos.com",
            "is protected, since every object of its kind would go with it",
        ),
        ("aws:s3/bucket:Bucket", "store-logs-bucket", "is protected, since what it holds cannot be brought back"),
        ("aws:iam/role:Role", "store-logs-role", "is protected"),
    ],
)
def test_a_kept_resource_says_what_its_deletion_would_cost(kind: str, name: str, reason: str) -> None:
    assert Kept.of(URN.format(kind, name), "is protected") == Kept(kind, name, reason)
