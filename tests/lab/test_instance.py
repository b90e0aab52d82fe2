"""An instance's files are private, its lock is exclusive, and nothing of it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.instance import Instance
from lab.problem import LabError


def test_only_its_owner_reads_an_instance(tmp_path: Path) -> None:
    instance = Instance.of("dev.us-east", tmp_path)
    instance.create()
    instance.passphrase()
    assert instance.folder.stat().st_mode & 0o777 == 0o700
    assert (instance.folder / "passphrase").stat().st_mode & 0o777 == 0o600


def test_the_passphrase_stays_and_differs_between_instances(tmp_path: Path) -> None:
    one, two = (Instance.of(stack, tmp_path) for stack in ("dev.us-east", "prod.us-east"))
    for instance in (one, two):
        instance.create()
    assert one.passphrase() == one.passphrase() != two.passphrase()


def test_a_second_command_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    instance = Instance.of("dev.us-east", tmp_path)
    instance.create()
    with instance.locked(), pytest.raises(LabError) as error, instance.locked():
        pass
    assert str(error.value) == (
        "lab dev.us-east: another lab command is at work on it; wait for it to end, then run this again."
    )
    with instance.locked():
        instance.remove()
    assert not instance.exists()


def test_the_last_instance_takes_the_common_folder_with_it(tmp_path: Path) -> None:
    one, two = (Instance.of(stack, tmp_path) for stack in ("dev.us-east", "prod.us-east"))
    for instance in (one, two):
        instance.create()
    one.remove()
    assert [entry.name for entry in (tmp_path / ".lab").iterdir()] == ["prod.us-east"]
    two.remove()
    assert list(tmp_path.iterdir()) == []
