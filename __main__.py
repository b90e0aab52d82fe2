"""Bring up one region: settings, checks, providers, the region, its outputs."""

from __future__ import annotations

import asyncio
import os

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi.runtime.settings import SETTINGS

import preflight
from charts.pull import resolve
from components.region import Region
from components.values.context import Context
from components.values.traces import require_engine
from settings import load, names
from settings.problem import SettingsError


def main() -> None:
    """Register the region of the running stack.

    Raises:
        pulumi.RunError: settings or the world that they describe are refused; nothing is registered then.
    """
    try:
        platform, name = load.from_stack()
        packages = resolve(platform.regions[name].charts, where=f"regions.{name}.charts")
        context = Context(platform, name)
        require_engine(context)
        notes = preflight.check(platform, name, packages, preview=pulumi.runtime.is_dry_run())
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    for note in notes:
        pulumi.log.warn(str(note))
    # A chart answers with a reference to each of its objects; the SDK would fetch all their properties, for nobody.
    os.environ.setdefault("PULUMI_DISABLE_RESOURCE_REFERENCES", "true")
    stack = names.stack(platform.environment, name)
    cluster = kubernetes.Provider(
        "cluster",
        # The context is explicit; the kubeconfig is not, since its path differs between machines and would be a
        # change of every preview. The identifier keeps a moved kubeconfig from replacing the provider.
        context=context.region.cluster.context,
        cluster_identifier=f"{stack}/{context.region.cluster.name}",
        enable_server_side_apply=True,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )
    cloud = aws.Provider(
        "cloud",
        region=context.region.aws_region,
        allowed_account_ids=[context.region.aws_account_id],
        default_tags={"tags": {names.OWNER_TAG: stack}},
    )
    region = Region(name, context, packages, pulumi.ResourceOptions(providers=[cluster, cloud]))
    for key, value in region.exports().items():
        pulumi.export(key, value)


async def settled() -> None:
    """Wait until every output is there, or one has failed.

    The SDK does so itself at its end, but goes through all that is left each time that one is there: with 400 tenants
    that took longer than everything else. What failed stays where it finds it.
    """
    failed = False
    while not failed:
        with SETTINGS.lock:
            pending = list(SETTINGS.outputs)
        if not pending:
            return
        done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        failed = any(each.cancelled() or each.exception() for each in done)


main()
pulumi.run(settled)
