"""`python -m settings`: print the JSON schema of `Pulumi.<env>.yaml`."""

from __future__ import annotations

from settings import schema

print(schema.text(), end="")
