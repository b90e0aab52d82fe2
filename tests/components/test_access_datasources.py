"""A tenant's data sources lead to the access proxy only, and are the platform's in everything else."""

from __future__ import annotations

import json
import re

import pytest

from components.values import datasources
from components.values.access import caddy
from components.values.tenant_datasources import tenant_datasources
from tests.contexts import context

TOKEN = "t0ken"


@pytest.mark.parametrize("stack", ["dev.us-east", "prod.us-east"])
def test_each_goes_through_the_proxy_with_the_tenants_token_and_no_org_id(stack: str) -> None:
    given = context(stack)
    sources = tenant_datasources(given, TOKEN)
    root = "http://access-proxy.observability.svc.cluster.local:8080"
    assert {each["uid"]: each["url"] for each in sources} == {
        uid: f"{root}/{uid}" for uid in ("prometheus", "loki", "tempo", "alertmanager")
    }
    for each in sources:
        assert each["jsonData"]["httpHeaderName1"] == "Authorization"
        assert each.pop("secureJsonData") == {"httpHeaderValue1": f"Bearer {TOKEN}"}
    text = json.dumps(sources)
    assert TOKEN not in text
    assert "X-Scope-OrgID" not in text
    assert "orgId" not in text
    assert "|".join(given.tenants) not in text


def test_links_are_the_platforms_with_single_dollar_signs() -> None:
    given = context()
    links = {each["uid"]: each["jsonData"] for each in tenant_datasources(given, TOKEN)}
    platform = {each["uid"]: each["jsonData"] for each in datasources.provisioning(given)["datasources"]}
    assert links["loki"]["derivedFields"][0]["url"] == "${__value.raw}"
    query = platform["tempo"]["tracesToLogsV2"]["query"]
    assert links["tempo"]["tracesToLogsV2"]["query"] == query.replace("$$", "$")
    assert "$$" not in json.dumps(links)
    assert "streamingEnabled" not in links["tempo"]


def test_the_prefixes_are_those_that_the_proxy_serves() -> None:
    routes = caddy.config(context())["apps"]["http"]["servers"]["access"]["routes"]
    patterns = [
        match["path_regexp"]["pattern"] for each in routes for match in each.get("match", []) if "path_regexp" in match
    ]
    served = {found[1] for each in patterns if (found := re.match(r"\^/([a-z]+)", each))}
    assert served == {each["url"].rpartition("/")[2] for each in tenant_datasources(context(), TOKEN)}
