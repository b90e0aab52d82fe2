"""Bring up the CRDs of one region: same stack name and same settings file as the region itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import preflight
from charts.pull import resolve
from components.crds import Crds
from settings import load, names
from settings.problem import SettingsError

try:
    platform, region = load.from_stack()
    packages = resolve(platform.regions[region].charts, where=f"regions.{region}.charts")
    preflight.check_cluster(platform, region)
except SettingsError as error:
    raise pulumi.RunError(str(error)) from None

entry = platform.regions[region].cluster
cluster = kubernetes.Provider(
    "cluster",
    context=entry.context,
    cluster_identifier=f"{names.stack(platform.environment, region)}/{entry.name}",
    enable_server_side_apply=True,
)
# A chart answers with a reference to each of its CRDs; the SDK would fetch all their properties, for nobody.
os.environ.setdefault("PULUMI_DISABLE_RESOURCE_REFERENCES", "true")
crds = Crds("crds", packages, pulumi.ResourceOptions(providers=[cluster]))
pulumi.export("versions", crds.versions)
