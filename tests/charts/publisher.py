"""A root folder with a charts.yaml, and a chart repository on loopback."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = b"the package of loki 1.2.3"
DIGEST = hashlib.sha256(PACKAGE).hexdigest()
OTHER = hashlib.sha256(b"another package").hexdigest()
TEXT = """# Why this file is here.
mirror: mirror
charts:
  loki: # follows upstream
    repository: {repository}
    default: 1.2.3
    versions:
      1.2.3: # held since 2026-07
        {field}: {digest}
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep test output readable."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port; gives its URL."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def index(url: str, digest: str = DIGEST) -> str:
    return (
        "entries:\n  loki:\n"
        f"  - {{version: 1.2.3, digest: {digest}, urls: ['{url}']}}\n"
        "  - {version: 1.2.2, urls: ['loki-1.2.2.tgz']}\n"
    )


def published(folder: Path, digest: str = DIGEST, url: str = "packages/loki-1.2.3.tgz") -> Path:
    """Make a public repository of one package in a folder."""
    (folder / "packages").mkdir(parents=True)
    (folder / "packages" / "loki-1.2.3.tgz").write_bytes(PACKAGE)
    (folder / "index.yaml").write_text(index(url, digest), encoding="utf-8")
    return folder


def root(folder: Path, repository: str, field: str = "sha256", digest: str = DIGEST) -> Path:
    """Make a root folder whose charts.yaml pins one chart."""
    folder.mkdir(exist_ok=True)
    text = TEXT.format(repository=repository, field=field, digest=digest)
    (folder / "charts.yaml").write_text(text, encoding="utf-8")
    return folder


def mirrored(folder: Path, version: str = "1.2.3", content: bytes = PACKAGE) -> None:
    """Put a package into the mirror of a root folder."""
    (folder / "mirror").mkdir(exist_ok=True)
    (folder / "mirror" / f"loki-{version}.tgz").write_bytes(content)
