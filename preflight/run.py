"""Run every check at once, and say every problem at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from charts.pull import Packages
from preflight import cloud, cluster
from preflight.subject import Subject
from settings.platform import Platform
from settings.problem import Problem, SettingsError

SOURCE = "preflight"


def check(platform: Platform, region: str, packages: Packages, *, preview: bool = False) -> list[Problem]:
    """Check the cluster, the account, the secrets and the buckets of a region.

    It only reads, asks for no secret's value, and takes about as long as the slowest of its requests.

    Args:
        platform: the environment.
        region: a key of `platform.regions`.
        packages: the pinned charts, for the versions that the CRDs should have.
        preview: whether this is a preview, in which CRDs of another version are no problem: a pull request that
            raises the pin previews the region before anybody has brought up the CRDs.

    Returns:
        What a preview should say but need not refuse.

    Raises:
        SettingsError: with every problem found.
    """
    subject = Subject(platform, region, packages)
    with ThreadPoolExecutor(max_workers=2) as pool:
        cluster_side = pool.submit(cluster.examine, subject, cluster.CHECKS)
        cloud_side = pool.submit(cloud.examine, subject)
    problems = [*cluster_side.result(), *cloud_side.result()]
    notes = [each for each in problems if preview and each.path.startswith(cluster.PINS_PATH)]
    refused = [each for each in problems if each not in notes]
    if refused:
        raise SettingsError(refused, SOURCE)
    return notes


def check_cluster(platform: Platform, region: str) -> None:
    """Check that the region's cluster is reached and is the one that the settings mean, for the CRD stack.

    Raises:
        SettingsError: with every problem found.
    """
    problems = cluster.examine(Subject(platform, region, {}), (cluster.foreign_claim,))
    if problems:
        raise SettingsError(problems, SOURCE)
