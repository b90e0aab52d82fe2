"""What a value with a unit is worth in the units of those who read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from settings.units import Bytes, Cpu, Duration, Unit
from tests.settings.calm import calm


@pytest.mark.parametrize(
    ("text", "milliseconds", "days", "hours"),
    [
        ("500ms", 500, 1, "1h"),
        ("90s", 90_000, 1, "1h"),
        ("5m", 300_000, 1, "1h"),
        ("61m", 3_660_000, 1, "2h"),
        ("24h", 86_400_000, 1, "24h"),
        ("25h", 90_000_000, 2, "25h"),
        ("30d", 2_592_000_000, 30, "720h"),
    ],
)
def test_a_duration(text: str, milliseconds: int, days: int, hours: str) -> None:
    duration = Duration(text)
    assert (duration.milliseconds, duration.seconds, duration.days, duration.hours) == (
        milliseconds, milliseconds / 1000, days, hours,
    )  # fmt: skip


@pytest.mark.parametrize(("text", "mebibytes"), [("512Mi", 512), ("40Gi", 40_960), ("2Ti", 2_097_152)])
def test_bytes(text: str, mebibytes: int) -> None:
    assert Bytes(text).mebibytes == mebibytes


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (Duration, "0s"),
        (Duration, "030d"),
        (Duration, "30"),
        (Duration, "30 d"),
        (Duration, "1h30m"),
        (Duration, "-1h"),
        (Duration, "30d\n"),
        (Duration, "100000d"),
        (Bytes, "0Gi"),
        (Bytes, "4GB"),
        (Bytes, "4G"),
        (Bytes, "1.5Gi"),
        (Cpu, "0"),
        (Cpu, "0m"),
        (Cpu, "1.25"),
        (Cpu, "2 cores"),
    ],
)
def test_a_value_without_its_unit_is_refused(unit: type[Unit], text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(unit).validate_python(text)
    assert [error["msg"] for error in caught.value.errors()] == [unit.allowed]


@pytest.mark.parametrize("text", ["500m", "2", "1.5", "0.5", "10"])
def test_cpu(text: str) -> None:
    assert Cpu.parse(text) == text


@calm
@given(st.integers(1, 99_999), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_rounding_never_shortens(number: int, unit: str) -> None:
    duration = Duration.parse(f"{number}{unit}")
    assert duration.days * 86_400 >= duration.seconds > (duration.days - 1) * 86_400
    assert int(duration.hours.removesuffix("h")) * 3600 >= duration.seconds
