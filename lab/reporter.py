"""Progress on standard error: a live line at a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

from automation.recorder import Recorder

_INTERVAL: Final = 5.0
"""Seconds between plain lines."""


class Reporter:
    """Says what is being done and how long it took."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to a console; without one, to standard error."""
        self._console = console or Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """Write one line."""
        self._console.print(line)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show that something is under way, and its seconds when it is done."""
        started = time.monotonic()
        with self.operation(name):
            yield
        self.say(f"  {name}: {time.monotonic() - started:.1f} s")

    @contextmanager
    def operation(self, name: str) -> Iterator[Callable[[Recorder], None]]:
        """Show an engine's operation: give the watcher that it tells of resources done and begun."""
        live = self._console.status(name) if self._console.is_terminal else None
        if live is not None:
            live.start()
        said = time.monotonic()

        def watch(recorder: Recorder) -> None:
            nonlocal said
            line = f"{name}: {recorder.done}/{recorder.started} {recorder.latest}"
            if live is not None:
                live.update(line)
            elif time.monotonic() - said >= _INTERVAL:
                said = time.monotonic()
                self.say(f"  {line}")

        try:
            yield watch
        finally:
            if live is not None:
                live.stop()
