"""A server that answers as Grafana's HTTP API is documented, as far as organizations are filled by it, and records it.

Statuses are those of pkg/api of Grafana: 404 for what is not there, 409 for a name, an uid or a member that is, 401 for
another password, 403 for an organization whose member one is not; secrets are taken and never given back.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.serving import Asked, serving

Answer = tuple[int, Any]


@dataclass
class Held:
    """What one organization has."""

    name: str
    members: set[str] = field(default_factory=set)
    datasources: dict[str, dict[str, Any]] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Bodies as they were posted, by uid."""
    versions: dict[str, list[str]] = field(default_factory=dict)
    """Messages by uid, the newest first."""


@dataclass
class GrafanaServer:
    """The whole server."""

    password: str
    login: str = "admin"
    url: str = ""
    held: dict[int, Held] = field(default_factory=lambda: {1: Held("Main Org.", {"admin"})})
    calls: list[tuple[str, str, int | None]] = field(default_factory=list)
    """Method, path and organization of each call."""
    taken_meanwhile: str = ""
    """Name of an organization that somebody else makes between two calls."""
    broken: str = ""
    """Path that answers 500 with the secrets that it was sent."""

    def by_name(self, name: str) -> Held:
        """Return an organization."""
        return next(each for each in self.held.values() if each.name == name)

    def changes(self) -> list[tuple[str, str]]:
        """Return what was asked to change anything, without the members' and the data sources' calls, which repeat."""
        return [
            (method, path)
            for method, path, _ in self.calls
            if method != "GET" and not path.endswith("/users") and not path.startswith("/api/datasources")
        ]

    def answer(self, method: str, path: str, organization: int | None, authorization: str, body: Any) -> Answer:
        """Return status and body."""
        self.calls.append((method, path, organization))
        expected = base64.b64encode(f"{self.login}:{self.password}".encode()).decode()
        if authorization != f"Basic {expected}":
            return 401, {"message": "Invalid username or password"}
        if path == self.broken:
            return 500, {"message": f"cannot store {json.dumps(body['secureJsonData'])}"}
        if path.startswith("/api/orgs"):
            return self._server(method, path, body)
        held = self.held.get(organization or 1)
        if held is None or self.login not in held.members:
            return 403, {"message": "You'll need additional permissions to perform this action"}
        return self._organization(method, path, held, body)

    def _server(self, method: str, path: str, body: Any) -> Answer:
        named = {each.name: number for number, each in self.held.items()}
        if found := re.fullmatch(r"/api/orgs/name/(.+)", path):
            name = unquote(found[1])
            if name not in named:
                return 404, {"message": "Organization not found"}
            return 200, {"id": named[name], "name": name}
        if (method, path) == ("POST", "/api/orgs"):
            if body["name"] == self.taken_meanwhile:
                self.taken_meanwhile = ""
                self.held[max(self.held) + 1] = Held(body["name"])
                return 409, {"message": "Organization name taken"}
            if body["name"] in named:
                return 409, {"message": "Organization name taken"}
            self.held[max(self.held) + 1] = Held(body["name"], {self.login})
            return 200, {"orgId": max(self.held), "message": "Organization created"}
        if (found := re.fullmatch(r"/api/orgs/(\d+)/users", path)) and method == "POST":
            members = self.held[int(found[1])].members
            if body["loginOrEmail"] in members:
                return 409, {"message": "User is already member of this organization"}
            members.add(body["loginOrEmail"])
            return 200, {"message": "User added to organization"}
        return 404, {"message": "Not found"}

    def _organization(self, method: str, path: str, held: Held, body: Any) -> Answer:
        if path.startswith("/api/datasources"):
            return self._datasources(method, path, held, body)
        if (method, path) == ("POST", "/api/folders"):
            if body["uid"] in held.folders:
                return 409, {"message": "a folder with the same uid already exists"}
            held.folders[body["uid"]] = body["title"]
            return 200, body
        if found := re.fullmatch(r"/api/folders/(.+)", path):
            known = found[1] in held.folders
            return (200, {"uid": found[1]}) if known else (404, {"message": "folder not found"})
        if found := re.fullmatch(r"/api/dashboards/uid/([^/]+)/versions", path):
            versions = held.versions.get(found[1])
            if versions is None:
                return 404, {"message": "Dashboard not found"}
            return 200, {"continueToken": "", "versions": [{"message": each} for each in versions]}
        if (method, path) == ("POST", "/api/dashboards/db"):
            if body["folderUid"] not in held.folders:
                return 400, {"message": "folder not found"}
            uid = body["dashboard"]["uid"]
            if uid in held.dashboards and not body["overwrite"]:
                return 412, {"message": "The dashboard has been changed by someone else"}
            held.dashboards[uid] = body
            held.versions.setdefault(uid, []).insert(0, body["message"])
            return 200, {"uid": uid, "status": "success"}
        return 404, {"message": "Not found"}

    def _datasources(self, method: str, path: str, held: Held, body: Any) -> Answer:
        if (method, path) == ("GET", "/api/datasources"):
            hidden = [
                {key: value for key, value in each.items() if key != "secureJsonData"}
                for each in held.datasources.values()
            ]
            return 200, hidden
        if (method, path) == ("POST", "/api/datasources"):
            if any(body["uid"] == uid or body["name"] == each["name"] for uid, each in held.datasources.items()):
                return 409, {"message": "data source with the same name already exists"}
            held.datasources[body["uid"]] = body
            return 200, {"message": "Datasource added"}
        found = re.fullmatch(r"/api/datasources/uid/(.+)", path)
        if method == "PUT" and found is not None:
            if found[1] not in held.datasources:
                return 404, {"message": "Data source not found"}
            held.datasources[found[1]] = body
            return 200, {"message": "Datasource updated"}
        return 404, {"message": "Not found"}


@contextmanager
def grafana_server(password: str) -> Iterator[GrafanaServer]:
    """Serve on loopback until the context is left."""
    state = GrafanaServer(password)

    def answer(asked: Asked) -> tuple[int, bytes]:
        organization = asked.headers.get("X-Grafana-Org-Id")
        status, body = state.answer(
            asked.method,
            asked.path,
            int(organization) if organization else None,
            asked.headers.get("Authorization", ""),
            json.loads(asked.body) if asked.body else None,
        )
        return status, json.dumps(body).encode()

    with serving(answer) as state.url:
        yield state
