"""Which URL of a backend the engine is given."""

from __future__ import annotations

import pytest

from automation.state import whole


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("file:///srv/state", "file:///srv/state?metadata=skip"),
        ("file://~", "file://~?metadata=skip"),
        ("file:///srv/state?no_tmp_dir=false", "file:///srv/state?metadata=skip&no_tmp_dir=false"),
        ("file:///srv/state?metadata=", "file:///srv/state?metadata=skip"),
        ("s3://states?region=eu-west-1", "s3://states?region=eu-west-1"),
        ("https://api.pulumi.com", "https://api.pulumi.com"),
    ],
)
def test_a_folder_is_written_without_files_of_attributes(given: str, expected: str) -> None:
    assert whole(given) == expected
