"""What one operation on one project's stack did, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

UNSURE: Final = "unknown:"
"""Begins the digest of inputs of which some come from what is still to be made."""


@dataclass(frozen=True)
class Field:
    """One property that differs; secrets are masked on both sides."""

    path: str
    """Property path as the engine writes it."""
    kind: str
    """`add`, `update` or `delete`, with `-replace` behind it when the property forces a replacement."""
    before: Any = None
    after: Any = None

    @property
    def replaces(self) -> bool:
        """Whether this property is a reason for the resource to be made anew."""
        return self.kind.endswith("-replace")


@dataclass(frozen=True)
class Change:
    """One resource that changes: what happens to it, and the fields that differ."""

    urn: str
    op: str
    paths: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    digest: str = ""
    """SHA-256 of the inputs that it is going to have, secrets masked; after `UNSURE` while some are not known."""

    @property
    def type(self) -> str:
        """Type token, without the parents' types."""
        return self.urn.split("::", 3)[2].rpartition("$")[2]

    @property
    def kind(self) -> str:
        """The last part of the type: `StatefulSet`, `Bucket`."""
        return self.type.rpartition(":")[2]

    @property
    def label(self) -> str:
        """Name of the resource in its program."""
        return self.urn.split("::", 3)[3]

    @property
    def name(self) -> str:
        """Type and name, without stack and parents."""
        return f"{self.type} {self.label}"


@dataclass(frozen=True)
class Result:
    """One operation on one project's stack."""

    project: str
    operation: str
    ok: bool
    seconds: float
    counts: dict[str, int]
    """Resources by what happened to them, as the engine counts: create, update, same, ..."""
    changes: list[Change]
    errors: list[str]
    warnings: list[str]
    failed: list[str]
    """URNs of resources whose operation failed."""
    standing: dict[str, dict[str, int]]
    """Kubernetes objects by namespace ("" for cluster-wide ones) and kind."""
    buckets: list[str]
    outputs: dict[str, Any] = field(default_factory=dict)
    """The stack's outputs; secret ones are masked."""
    output_fields: tuple[Field, ...] = ()
    """What differs between the stack's outputs before and after."""

    @property
    def changed(self) -> int:
        """Number of resources that are not the same."""
        return sum(count for op, count in self.counts.items() if op != "same")

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Result:
        """Return the result that `document` gave."""
        changes = [
            Change(**{**each, "paths": tuple(each["paths"]), "fields": _fields(each["fields"])})
            for each in document["changes"]
        ]
        return cls(**{**document, "changes": changes, "output_fields": _fields(document["output_fields"])})

    def summary(self) -> str:
        """Return one line: `region up: create 410, same 2 in 12.3 s`."""
        counts = ", ".join(f"{op} {count}" for op, count in sorted(self.counts.items()) if count) or "nothing"
        return f"{self.project} {self.operation}: {counts} in {self.seconds:.1f} s"


def _fields(documents: list[dict[str, Any]]) -> tuple[Field, ...]:
    return tuple(Field(**each) for each in documents)
