"""Names are facts of the settings alone, known before anything exists."""

from __future__ import annotations

from settings import load, names
from settings.vocabulary import Pillar
from tests.settings.documents import DELETED, SMALL, at

PLATFORM = load.parse(SMALL, "file")


def test_names_follow_from_the_settings() -> None:
    assert names.stack("prod", "us-east") == "prod.us-east"
    assert names.buckets(PLATFORM, "us-east") == {
        Pillar.METRICS: "acme-dev-us-east-metrics",
        Pillar.LOGS: "acme-dev-us-east-logs",
        Pillar.TRACES: "acme-dev-us-east-traces",
    }
    assert names.role_arn(PLATFORM, "us-east", Pillar.LOGS) == "arn:aws:iam::111111111111:role/acme-dev-us-east-logs"
    assert names.secret(PLATFORM, "us-east", "grafana-admin") == "acme/dev/us-east/grafana-admin"
    assert names.grafana_url(PLATFORM, "us-east") == "https://grafana.us-east.obs.acme.example"


def test_the_longest_names_fit() -> None:
    region = "a" + "b" * 19
    platform = load.parse(
        at(
            {
                "environment": "staging",
                "organization": "o" * 20,
                f"regions.{region}": SMALL["regions"]["us-east"],
                "regions.us-east": DELETED,
            }
        ),
        "file",
    )
    longest = {pillar: len(name) for pillar, name in names.buckets(platform, region).items()}
    assert (max(longest.values()), len(names.role(platform, region, Pillar.METRICS))) == (57, 57)


def test_a_tenant_runs_where_it_says() -> None:
    platform = load.parse(at({"tenants.shop.regions": ["eu-west"]}), "file")
    assert list(platform.tenants_in("us-east")) == ["payments"]
    assert list(platform.tenants_in("eu-west")) == ["payments", "shop"]


def test_the_layout_follows_the_environment_unless_chosen() -> None:
    assert load.parse(SMALL, "file").layout == "single_binary"
    assert load.parse(at({"environment": "prod"}), "file").layout == "distributed"
    assert load.parse(at({"environment": "prod", "topology": "single_binary"}), "file").layout == "single_binary"
