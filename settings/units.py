"""Strings with a unit, as operators write them, refused without one."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Unit(str):
    """A string that matches a pattern and knows its value in the base unit."""

    __slots__ = ()
    pattern: ClassVar[re.Pattern[str]]
    allowed: ClassVar[str]
    fix: ClassVar[str]

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the value as this unit.

        Raises:
            PydanticCustomError: the value is no string or does not match; carries what is allowed and the fix.
        """
        if isinstance(value, str) and cls.pattern.fullmatch(value):
            return cls(value)
        raise PydanticCustomError("unit", "{allowed}", {"allowed": cls.allowed, "fix": cls.fix})

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^(?:{cls.pattern.pattern})$"}


class Duration(Unit):
    """A span of time in one unit, as Prometheus, Loki and Tempo read it: `500ms`, `90s`, `5m`, `36h`, `30d`.

    273 years at most (99999d): what reads it counts nanoseconds in 63 bits, which is 292 years.
    """

    __slots__ = ()
    pattern = re.compile(r"[1-9][0-9]{0,5}(?:ms|s|m|h)|[1-9][0-9]{0,4}d")
    allowed = "a whole number with a unit: ms, s, m, h or d"
    fix = 'write for example "30d" or "12h"'
    _MILLISECONDS: ClassVar[dict[str, int]] = {
        "ms": 1,
        "s": 1_000,
        "m": 60_000,
        "h": 3_600_000,
        "d": 86_400_000,
    }

    @property
    def milliseconds(self) -> int:
        """Length in milliseconds."""
        number = self.rstrip("smhd")
        return int(number) * self._MILLISECONDS[self[len(number) :]]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.milliseconds / 1000

    @property
    def days(self) -> int:
        """Length in whole days, rounded up: object lifecycles know no shorter step."""
        return -(-self.milliseconds // 86_400_000)

    @property
    def hours(self) -> str:
        """The same length in hours (`720h`), rounded up, for Loki and Tempo fields that know no days."""
        return f"{-(-self.milliseconds // 3_600_000)}h"


class Cpu(Unit):
    """CPU as Kubernetes writes it: `500m` or whole or tenth cores (`2`, `1.5`)."""

    __slots__ = ()
    pattern = re.compile(r"[1-9][0-9]{0,4}m|(?:0|[1-9][0-9]{0,2})\.[1-9]|[1-9][0-9]{0,2}")
    allowed = "cores or millicores as a string"
    fix = 'write for example "500m" or "2"'


class Bytes(Unit):
    """A size in binary units as Kubernetes writes it: `512Mi`, `40Gi`, `2Ti`."""

    __slots__ = ()
    pattern = re.compile(r"[1-9][0-9]{0,5}(?:Mi|Gi|Ti)")
    allowed = "a whole number with a binary unit: Mi, Gi or Ti"
    fix = 'write for example "512Mi" or "40Gi"'
    _MEBIBYTES: ClassVar[dict[str, int]] = {"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024}

    @property
    def mebibytes(self) -> int:
        """Size in MiB."""
        return int(self[:-2]) * self._MEBIBYTES[self[-2:]]
