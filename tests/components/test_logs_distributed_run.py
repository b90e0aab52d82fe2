"""The real Loki in the processes that it has in prod: the platform team reads all of every tenant it asks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends import running
from tests.loki import OF_ALL, files, push, query, tenants_of_a_day

TENANTS = ("payments", "storefront")


@pytest.fixture(scope="module")
def loki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the queries of a Loki that holds one line of each tenant."""
    with running(tmp_path_factory.mktemp("loki")) as backends:
        writes, reads = backends.distributed_loki(*files("prod.eu-west"))
        for tenant in TENANTS:
            assert push(writes, tenant, f"hello of {tenant}").status_code == 204
        yield reads


@pytest.mark.parametrize("expression", OF_ALL)
def test_of_a_day_every_tenant_has_its_newest_lines(loki: str, expression: str) -> None:
    """One process, which dev has, needs settings of its own for this (`logs.APART`); prod has none of them."""
    assert query(loki, "|".join(TENANTS), '{region="us-east"}') == [f"hello of {tenant}" for tenant in TENANTS]
    for _ in range(16):
        assert tenants_of_a_day(loki, "|".join(TENANTS), expression) == set(TENANTS)


def test_a_tenant_reads_its_own_lines_only(loki: str) -> None:
    assert query(loki, "payments", '{region="us-east"}') == ["hello of payments"]
