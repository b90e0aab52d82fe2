"""Go services that break traces are found in a source tree, by the real `go list`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from automation import cli
from automation.go_services import Service, services
from automation.problem import AutomationError, Exit

OTELHTTP = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
OTELGRPC = "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
GRPC = "google.golang.org/grpc"


def package(folder: Path, name: str, *imports: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f'import _ "{each}"\n' for each in imports)
    body = "func main() {}\n" if name == "main" else ""
    (folder / f"{name}.go").write_text(f"package {name}\n\n{lines}{body}", encoding="utf-8")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree of two modules, one of which uses the other."""
    for module in ("shop", "kit"):
        (tmp_path / module).mkdir()
        (tmp_path / module / "go.mod").write_text(f"module example.test/{module}\n\ngo 1.22\n", encoding="utf-8")
    package(tmp_path / "kit/server", "server", "net/http", OTELHTTP)
    package(tmp_path / "kit/calls", "calls", GRPC)
    package(tmp_path / "shop/cmd/wrapped", "main", "example.test/kit/server")
    package(tmp_path / "shop/cmd/half", "main", "example.test/kit/server", "example.test/kit/calls")
    package(tmp_path / "shop/cmd/bare", "main", "net/http", "google.golang.org/grpc/codes")
    package(tmp_path / "shop/cmd/silent", "main", "fmt", "google.golang.org/grpc/codes")
    package(tmp_path / "shop/cmd/gin", "main", "net/http", OTELHTTP.replace("net/http/otelhttp", GIN))
    package(tmp_path / "shop/vendor/other", "main", "net/http")
    package(tmp_path / "shop/cmd/bare/testdata/x", "main", "net/http")
    return tmp_path


GIN = "github.com/gin-gonic/gin/otelgin"


def test_what_speaks_unwrapped_is_found_through_the_packages_of_the_tree(tree: Path) -> None:
    assert services(tree) == [
        Service("example.test/shop/cmd/bare", "shop/cmd/bare", ("HTTP",), (OTELHTTP,)),
        Service("example.test/shop/cmd/gin", "shop/cmd/gin", ("HTTP",), ()),
        Service("example.test/shop/cmd/half", "shop/cmd/half", ("HTTP", "gRPC"), (OTELGRPC,)),
        Service("example.test/shop/cmd/wrapped", "shop/cmd/wrapped", ("HTTP",), ()),
    ]


def test_a_wrapper_of_ones_own_counts_and_a_tool_can_be_left_out(tree: Path) -> None:
    found = services(tree, wrapped_by=["example.test/kit/server"], left_out=["shop/cmd/bare"])
    assert [(each.folder, each.lacks) for each in found] == [
        ("shop/cmd/gin", ()),
        ("shop/cmd/half", ()),
        ("shop/cmd/wrapped", ()),
    ]


def test_the_command_ends_with_what_to_do_and_1_when_a_service_breaks_traces(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["go-services", str(tree)]) == Exit.FAILED
    assert capsys.readouterr().out == (
        f"shop/cmd/bare: speaks HTTP, and nothing in it imports {OTELHTTP}\n"
        f"shop/cmd/half: speaks HTTP and gRPC, and nothing in it imports {OTELGRPC}\n"
        "4 Go services, 2 of which break traces.\n"
        "Next: wrap their servers and clients; --wrapped-by names a package of yours that does, --except a tool.\n"
    )
    assert cli.run(["go-services", str(tree), "--except", "shop/cmd/bare", "--except", "shop/cmd/half"]) == Exit.OK
    assert capsys.readouterr().out == "2 Go services, 0 of which break traces.\nNext: nothing.\n"
    assert cli.run(["go-services", str(tree), "--json"]) == Exit.FAILED
    assert [each["package"].rpartition("/")[2] for each in json.loads(capsys.readouterr().out)] == [
        "bare",
        "gin",
        "half",
        "wrapped",
    ]


def test_a_tree_that_cannot_be_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AutomationError) as none:
        services(tmp_path)
    assert str(none.value) == (f"{tmp_path} holds no go.mod; allowed: a tree with Go modules; fix: name another folder")
    (tmp_path / "go.mod").write_text("modul x\n", encoding="utf-8")
    with pytest.raises(AutomationError, match=r"go list fails: .*unknown directive: modul.*; fix: mend the module"):
        services(tmp_path)
    with pytest.raises(AutomationError) as missing:
        services(tmp_path, left_out=["tools"])
    assert str(missing.value) == (
        f"--except: {tmp_path / 'tools'} is no folder; allowed: folders below {tmp_path}; fix: correct the path"
    )
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AutomationError) as without:
        services(tmp_path)
    assert str(without.value) == (
        "go is not on PATH; allowed: Go of the version that the modules ask for; fix: install it"
    )
