"""The table agrees with the Go modules, and the toolbox builds, reuses and refuses as it says."""

import fcntl
import json
import queue
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tools import GROUPS, TOOLS, Tool, Toolbox, ToolError

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "tools"
GREET = Tool(
    name="greet",
    directory="greet",
    package=".",
    module="example.test/words",
    linker_values={"main.version": "v{version}"},
)
SOURCE = """package main

import (
\t"fmt"

\t"example.test/words"
)

var version = "unset"

func main() { fmt.Println(words.Greeting, "version", version) }
"""


class Shop:
    """A repository of its own with one Go program that requires one module; lines holds what was shown."""

    def __init__(self, root: Path, tool: Tool = GREET) -> None:
        self.root = root
        self.module = root / "tools" / "greet"
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.toolbox = Toolbox(root, {"greet": tool}, self.lines.put)
        self.executable = root / ".tools" / "bin" / "greet"
        if not self.module.exists():
            (self.module / "words").mkdir(parents=True)
            (self.module / "words" / "go.mod").write_text("module example.test/words\n\ngo 1.26\n")
            (self.module / "words" / "words.go").write_text('package words\n\nconst Greeting = "hello"\n')
            (self.module / "main.go").write_text(SOURCE)
            (self.module / "go.mod").write_text(
                "module example.test/greet\n\ngo 1.26\n\nrequire example.test/words v1.2.3\n\n"
                "replace example.test/words => ./words\n"
            )

    def origin(self) -> str:
        [ready] = self.toolbox.build(["greet"])
        return ready.origin

    def says(self) -> str:
        return subprocess.check_output([self.executable], text=True).strip()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS.keys())
def test_each_tool_is_pinned_by_its_go_module(tool: Tool) -> None:
    directory = MODULES / tool.directory
    assert tool.pinned(MODULES).startswith("v")
    assert (directory / "go.sum").exists()
    if tool.package == ".":
        assert (directory / "main.go").exists()
    else:
        assert f"{tool.package}/".startswith(f"{tool.module}/")
        # The tool directive is what keeps the requirement when the module is tidied.
        assert tool.package in (directory / "go.mod").read_text().partition("require")[0]


def test_each_go_module_belongs_to_a_tool_and_each_tool_to_a_group() -> None:
    assert {file.parent.name for file in MODULES.glob("*/go.mod")} == {t.directory for t in TOOLS.values()}
    assert [n for g in ("lab", "verify", "telemetry") for n in GROUPS[g]] == list(GROUPS["all"]) == list(TOOLS)


def test_the_engine_is_of_the_version_of_the_python_sdk() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert f"pulumi=={TOOLS['pulumi'].reported(MODULES)}" in dependencies


@pytest.mark.parametrize(
    ("name", "module_version", "reported"),
    [
        ("promtool", "v0.315.0", "3.15.0"),
        ("promtool", "v0.400.1", "4.0.1"),
        ("tempo", "v1.5.1-0.20250529124718-87c2dc380cec", "2.8.0-87c2dc380cec"),
        ("helm", "v4.3.1", "4.3.1"),
    ],
)
def test_a_module_version_becomes_the_version_the_program_states(name: str, module_version: str, reported: str) -> None:
    assert TOOLS[name].reports(module_version) == reported


def test_a_requirement_that_is_missing_is_named(shop: Shop) -> None:
    (shop.module / "go.mod").write_text("module example.test/greet\n\nreplace example.test/words => ./words\n")
    with pytest.raises(ToolError) as error:
        shop.toolbox.build(["greet"])
    assert str(error.value) == (
        "tools/greet/go.mod: no version of example.test/words for greet; "
        "add the line 'require example.test/words <version>'."
    )


def test_it_builds_once_and_links_the_pinned_version(shop: Shop) -> None:
    [ready] = shop.toolbox.build(["greet", "greet"])
    assert (ready.origin, ready.version, ready.path) == ("built", "1.2.3", shop.executable)
    assert shop.says() == "hello version v1.2.3"
    assert shop.lines.get_nowait() == "greet v1.2.3: building"
    assert shop.lines.get_nowait() == f"greet v1.2.3: built in {ready.seconds:.0f} s"
    assert json.loads((shop.root / ".tools" / "build-times.json").read_text()) == {"greet": ready.seconds}

    built_at = shop.executable.stat().st_mtime_ns
    assert shop.origin() == "up to date"
    assert shop.toolbox.path("greet") == shop.executable
    assert shop.executable.stat().st_mtime_ns == built_at
    assert shop.lines.empty()


def test_a_change_of_source_pin_flags_or_executable_makes_it_stale(shop: Shop) -> None:
    shop.toolbox.build(["greet"])
    source, pin = shop.module / "main.go", shop.module / "go.mod"

    source.write_text(SOURCE.replace('"version"', '"release"'))
    assert (shop.origin(), shop.says()) == ("built", "hello release v1.2.3")

    pin.write_text(pin.read_text().replace("v1.2.3", "v1.3.0"))
    assert (shop.origin(), shop.says()) == ("built", "hello release v1.3.0")

    other = Shop(shop.root, replace(GREET, linker_values={"main.version": "{major}-{minor}"}))
    assert (other.origin(), other.says()) == ("built", "hello release 1-3")

    shop.executable.write_text("something else")
    assert (other.origin(), other.says()) == ("built", "hello release 1-3")
    assert other.origin() == "up to date"


def test_path_says_how_to_build_what_is_missing_or_stale(shop: Shop) -> None:
    with pytest.raises(ToolError) as missing:
        shop.toolbox.path("greet")
    assert str(missing.value) == ("tools: greet v1.2.3 is not built; run 'python -m tools build greet'.")
    shop.toolbox.build(["greet"])
    (shop.module / "main.go").write_text(SOURCE + "\n")
    with pytest.raises(ToolError) as stale:
        shop.toolbox.path("greet")
    assert str(stale.value) == (
        "tools: greet v1.2.3 was built from something older; run 'python -m tools build greet'."
    )


def test_a_name_that_is_not_a_tool_is_refused(shop: Shop) -> None:
    with pytest.raises(ToolError) as error:
        shop.toolbox.build(["greet", "terraform"])
    assert str(error.value) == "tools: 'terraform' is not one of the tools; name one of greet."
    assert not shop.executable.exists()


@pytest.mark.parametrize(
    ("printed", "origin"),
    [
        ("greet version v1.2.3", "PATH"),
        ("greet, 1.2.3+meta (linux)", "PATH"),
        ("greet v1.2.3-rc.1", "built"),
        ("greet 11.2.3", "built"),
        ("greet 1.2.34", "built"),
        ("greet 1x2.3", "built"),
    ],
)
def test_a_tool_on_path_is_taken_only_in_the_pinned_version(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, printed: str, origin: str
) -> None:
    found = shop.root / "elsewhere" / "greet"
    found.parent.mkdir()
    found.write_text(f"#!/bin/sh\n[ \"$1\" = --version ] && echo '{printed}'\n")
    found.chmod(0o755)
    monkeypatch.setenv("PATH", str(found.parent), prepend=":")
    [ready] = shop.toolbox.build(["greet"])
    assert ready.origin == origin
    assert ready.path == (found if origin == "PATH" else shop.executable)
    assert shop.toolbox.path("greet") == ready.path

    found.write_text("#!/bin/sh\necho greet v9.0.0\n")
    again = "built" if origin == "PATH" else "up to date"
    assert shop.origin() == again, "a tool upgraded on PATH is not the pinned one any more"


def test_our_own_stale_executable_on_path_is_not_taken_for_the_pinned_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.toolbox.build(["greet"])
    monkeypatch.setenv("PATH", str(shop.executable.parent), prepend=":")
    (shop.module / "main.go").write_text(SOURCE + "\n")
    assert shop.origin() == "built"


def test_a_build_that_fails_shows_the_compiler_and_keeps_the_old_executable(shop: Shop) -> None:
    shop.toolbox.build(["greet"])
    (shop.module / "main.go").write_text(SOURCE.replace("words.Greeting", "words.Farewell"))
    with pytest.raises(ToolError) as error:
        shop.toolbox.build(["greet"])
    sentence, _, compiler = str(error.value).partition(":\n")
    log = shop.root / ".tools" / "logs" / "greet.log"
    assert sentence.startswith("tools: greet v1.2.3 does not build (go build ended with 1 after ")
    assert sentence.endswith(f" s); correct what it says below, the whole of it is in {log}")
    assert "undefined: words.Farewell" in compiler
    assert shop.says() == "hello version v1.2.3"
    assert [file.name for file in shop.executable.parent.iterdir()] == ["greet"]


def test_without_go_it_says_what_to_install(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(shop.root))
    with pytest.raises(ToolError) as error:
        shop.toolbox.build(["greet"])
    assert str(error.value) == (
        "tools: building greet needs Go, which is not on PATH; install Go 1.26 or newer from go.dev/dl."
    )


def test_a_second_process_waits_for_the_first_and_then_builds_nothing(shop: Shop) -> None:
    shop.toolbox.build(["greet"])
    stamp = shop.root / ".tools" / "stamps" / "greet.json"
    finished = stamp.read_text()
    stamp.unlink()
    while not shop.lines.empty():
        shop.lines.get_nowait()
    with ThreadPoolExecutor() as pool:
        with (shop.root / ".tools" / "lock").open("w") as other_process:
            fcntl.flock(other_process, fcntl.LOCK_EX)
            waiting = pool.submit(shop.origin)
            assert shop.lines.get(timeout=30) == "waiting for another process that is building tools"
            stamp.write_text(finished)
        assert waiting.result(timeout=30) == "up to date"
    assert shop.lines.empty()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["path", "terraform"], "tools: 'terraform' is not one of the tools; name one of pulumi, helm, "),
        (["build", "--group", "x"], "--group: 'x' is not a group; take one of lab, verify, telemetry, all."),
    ],
)
def test_the_command_ends_with_one_sentence_and_status_1(arguments: list[str], sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
