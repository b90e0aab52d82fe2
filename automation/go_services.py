"""`go-services`: which Go programs of a source tree speak HTTP or gRPC without handing the trace on.

A service whose server or client is not wrapped ends every trace that reaches it, and begins the next ones as orphans.
Go has no agent that could wrap it from outside in every case, so that it has to be seen in the source.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from automation.commands.options import AsJson, show, show_json
from automation.problem import AutomationError, Exit

_CONTRIB: Final = "go.opentelemetry.io/contrib/instrumentation"
TIMEOUT_SECONDS: Final = 300.0
"""For one module; `go list` of a thousand packages takes a few seconds."""
_NO_SERVICES: Final = {"vendor", "testdata", "node_modules"}
_ENVIRONMENT: Final = {
    "GOOS": "linux",
    "GOFLAGS": "-mod=readonly",
    "GOPROXY": "off",
    "GOWORK": "off",
    "GOTOOLCHAIN": "local",
}
"""What runs is built for Linux; nothing is fetched or written, and no workspace joins the modules."""


@dataclass(frozen=True)
class Protocol:
    """A way to talk, the packages by which a program does, and those that carry the trace over it."""

    name: str
    spoken_by: tuple[str, ...]
    """Import paths; subpackages do not count: grpc/codes alone calls nobody."""
    carried_by: tuple[str, ...]
    """Import paths, of which subpackages (major versions) count too. The first is the one to recommend."""


PROTOCOLS: Final = (
    Protocol(
        "HTTP",
        ("net/http", "github.com/valyala/fasthttp"),
        (
            f"{_CONTRIB}/net/http/otelhttp",
            f"{_CONTRIB}/github.com/gin-gonic/gin/otelgin",
            f"{_CONTRIB}/github.com/labstack/echo/otelecho",
            f"{_CONTRIB}/github.com/gorilla/mux/otelmux",
            "github.com/riandyrn/otelchi",
            "github.com/gofiber/contrib/otelfiber",
        ),
    ),
    Protocol(
        "gRPC",
        ("google.golang.org/grpc", "connectrpc.com/connect"),
        (f"{_CONTRIB}/google.golang.org/grpc/otelgrpc", "connectrpc.com/otelconnect"),
    ),
)


@dataclass(frozen=True)
class Service:
    """A Go program (package main) that speaks over the network."""

    package: str
    """Its import path."""
    folder: str
    """Where its package lies, relative to the tree."""
    speaks: tuple[str, ...]
    lacks: tuple[str, ...]
    """Import paths to add, one for each protocol that it speaks unwrapped."""


def go_services(
    tree: Annotated[
        Path, typer.Argument(help="Source tree with one or more Go modules.", exists=True, file_okay=False)
    ],
    wrapped_by: Annotated[
        list[str] | None,
        typer.Option(
            "--wrapped-by", help="Import path of your own that wraps servers and clients; repeat for several."
        ),
    ] = None,
    except_: Annotated[
        list[str] | None, typer.Option("--except", help="Folder below the tree to leave out; repeat for several.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List the Go services of a source tree that lack otelhttp or otelgrpc; exit code 1 when one does."""
    found = services(tree, wrapped_by or (), except_ or ())
    lacking = [each for each in found if each.lacks]
    if as_json:
        show_json([asdict(each) for each in found])
        return Exit.FAILED if lacking else Exit.OK
    for each in lacking:
        show(
            f"{each.folder}: speaks {' and '.join(each.speaks)}, and nothing in it imports {', nor '.join(each.lacks)}"
        )
    show(f"{len(found)} Go services, {len(lacking)} of which break traces.")
    if lacking:
        show("Next: wrap their servers and clients; --wrapped-by names a package of yours that does, --except a tool.")
        return Exit.FAILED
    show("Next: nothing.")
    return Exit.OK


def services(tree: Path, wrapped_by: Sequence[str] = (), left_out: Sequence[str] = ()) -> list[Service]:
    """Return the services of a tree, by folder.

    Args:
        tree: holds one or more go.mod. A package of one module is followed into another of the same tree.
        wrapped_by: import paths that carry the trace over every protocol.
        left_out: folders below the tree.

    Raises:
        AutomationError: there is no Go, no module in the tree, a folder to leave out that is not there, or a module
            that Go cannot read.
    """
    root = tree.resolve()
    without = {(root / each).resolve() for each in left_out}
    for each in sorted(without):
        if not each.is_dir():
            raise AutomationError(
                f"--except: {each} is no folder; allowed: folders below {root}; fix: correct the path"
            )
    modules = list(_modules(root))
    if not modules:
        raise AutomationError(f"{root} holds no go.mod; allowed: a tree with Go modules; fix: name another folder")
    packages = {each["ImportPath"]: each for module in modules for each in _packages(module)}
    imports = {path: frozenset(each.get("Imports") or ()) for path, each in packages.items()}
    found = []
    for name, package in packages.items():
        folder = Path(package["Dir"]).resolve()
        if package.get("Name") == "main" and without.isdisjoint({folder, *folder.parents}):
            reached = _reached(name, imports)
            spoken = [protocol for protocol in PROTOCOLS if not reached.isdisjoint(protocol.spoken_by)]
            lacks = [p.carried_by[0] for p in spoken if not _imports_any(reached, (*p.carried_by, *wrapped_by))]
            if spoken:
                speaks = tuple(protocol.name for protocol in spoken)
                found.append(Service(name, folder.relative_to(root).as_posix(), speaks, tuple(lacks)))
    return sorted(found, key=lambda service: service.folder)


def _modules(root: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(each for each in inner if each not in _NO_SERVICES and each[0] not in "._")
        if "go.mod" in files:
            yield Path(folder)


def _packages(module: Path) -> Iterator[dict[str, Any]]:
    """Yield a module's packages as `go list` describes them; missing dependencies do not matter to it."""
    command = ["go", "list", "-e", "-json=ImportPath,Dir,Name,Imports", "./..."]
    try:
        listed = subprocess.run(
            command,
            cwd=module,
            env={**os.environ, **_ENVIRONMENT},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise AutomationError(
            "go is not on PATH; allowed: Go of the version that the modules ask for; fix: install it"
        ) from None
    if listed.returncode != 0:
        said = " ".join(listed.stderr.split())
        raise AutomationError(f"{module}: go list fails: {said}; fix: mend the module, or leave it out of the tree")
    decoder, text = json.JSONDecoder(), listed.stdout.strip()
    while text:
        package, end = decoder.raw_decode(text)
        yield package
        text = text[end:].lstrip()


def _reached(start: str, imports: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return all that a package imports, through packages of the tree."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for each in imports.get(waiting.pop(), frozenset()) - seen:
            seen.add(each)
            waiting.append(each)
    return frozenset(seen)


def _imports_any(reached: Iterable[str], wanted: Sequence[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for path in reached for each in wanted)
