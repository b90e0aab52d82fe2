"""The real Loki in the processes that it has in prod: the platform team reads all of every tenant it asks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from settings.units import Duration
from tests.backends import running
from tests.contexts import context
from tests.loki import push, query, tenants_of_a_day
from tests.rendering import loki_files

TENANTS = ("payments", "storefront")


@pytest.fixture(scope="module")
def loki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Loki's queries, with one line of each tenant, of which one keeps its lines for less."""
    tenants = dict(context("prod.eu-west").platform.tenants)
    shorter = tenants["payments"].retention.model_copy(update={"logs": Duration("2d")})
    tenants["payments"] = tenants["payments"].model_copy(update={"retention": shorter})
    files = loki_files(context("prod.eu-west", platform={"tenants": tenants}))
    with running(tmp_path_factory.mktemp("loki")) as backends:
        writes, reads = backends.distributed_loki(*files)
        for tenant in TENANTS:
            assert push(writes, tenant, f"hello of {tenant}").status_code == 204
        yield reads


@pytest.mark.parametrize("expression", ['{region="us-east"}', 'sum by (tenant) (rate({region="us-east"}[10m]))'])
def test_of_a_day_every_tenant_has_its_newest_lines(loki: str, expression: str) -> None:
    """One process, which dev has, needs settings of its own for this (`logs.APART`); prod has none of them."""
    assert query(loki, "|".join(TENANTS), '{region="us-east"}') == [f"hello of {tenant}" for tenant in TENANTS]
    for _ in range(16):
        assert tenants_of_a_day(loki, "|".join(TENANTS), expression) == set(TENANTS)


def test_a_tenant_reads_its_own_lines_only(loki: str) -> None:
    assert query(loki, "payments", '{region="us-east"}') == ["hello of payments"]
