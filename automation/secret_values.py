"""Secrets by their names: out of a region's secret store, or out of a folder in which an operator has mounted them.

A value never stands in an argument, which everybody on the machine can list, nor in what a command prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from automation.problem import AutomationError
from components.values.context import Context
from preflight.cloud import account

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

TIMEOUT_SECONDS = 10


class Secrets(Protocol):
    """Whatever gives secrets by their names in the store."""

    def value(self, name: str) -> str:
        """Return a secret's value, without white space around it. Raises AutomationError where there is none."""
        ...


@dataclass(frozen=True)
class Folder:
    """Mounted files, each named after the last part of its secret's name: `access-token-shop`."""

    path: Path

    def value(self, name: str) -> str:
        """Return what a file holds.

        Raises:
            AutomationError: there is no such file, or nothing in it.
        """
        file = self.path / name.rpartition("/")[2]
        try:
            found = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise AutomationError(
                f"--secrets: {file} cannot be read ({error.strerror}); allowed: a folder with a file for each secret; "
                f"fix: mount {name} there, or leave --secrets out to read the region's secret store"
            ) from error
        return _filled(found, str(file))


class Store:
    """The secret store of a region, read with the AWS credentials in use, which must be of the region's account."""

    def __init__(self, context: Context) -> None:
        """Know the region; nobody is asked yet."""
        self._context = context
        self._client: SecretsManagerClient | None = None

    def value(self, name: str) -> str:
        """Return a secret's value.

        Raises:
            AutomationError: it is not there, may not be read, or AWS cannot be asked.
        """
        # Imported here, since it takes half a second that commands with files need not wait for.
        from botocore.exceptions import BotoCoreError, ClientError

        region = self._context.region.aws_region
        try:
            found = self._connected().get_secret_value(SecretId=name).get("SecretString", "")
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            raise AutomationError(
                f"secret {name}: cannot be read from the store of {region} ({code}); allowed: "
                "secretsmanager:GetSecretValue on a secret that is there; fix: name a role that may, or pulumi up first"
            ) from error
        except BotoCoreError as error:
            raise AutomationError(
                f"secret {name}: the store of {region} cannot be asked ({type(error).__name__}); allowed: credentials "
                "of the region's account, and a network that reaches AWS; fix: sign in (aws sso login), or set "
                "AWS_PROFILE"
            ) from error
        return _filled(found.strip(), f"secret {name}")

    def _connected(self) -> SecretsManagerClient:
        """Return the store's client, made once the account is known to be the region's."""
        if self._client is None:
            import boto3
            from botocore.config import Config

            config = Config(connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS)
            session = boto3.session.Session(region_name=self._context.region.aws_region)
            sts = session.client("sts", config=config)
            for problem in account(sts, self._context.name, self._context.region):
                raise AutomationError(str(problem))
            self._client = session.client("secretsmanager", config=config)
        return self._client


def _filled(value: str, where: str) -> str:
    if not value:
        raise AutomationError(f"{where}: is empty; allowed: the secret's value; fix: write it, then try again")
    return value
