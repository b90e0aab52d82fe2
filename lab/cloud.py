"""The AWS of one instance: moto's server on loopback, for S3, IAM, KMS, Secrets Manager, STS and EKS.

It keeps everything in memory: an instance whose cloud was ended has an empty one after the next `up`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import boto3
import requests
from botocore.config import Config

from lab.process import Command, Processes, python_module

NAME: Final = "moto"
_TIMEOUT: Final = 2.0
_CREDENTIAL: Final = "testing"
_MISSING: Final = "/dev/null"


@dataclass(frozen=True)
class Cloud:
    """A running stand-in of AWS: its address and the region whose resources live in it."""

    url: str
    region: str

    def environment(self) -> dict[str, str]:
        """Return what makes any AWS client use this cloud and nothing of the user's own."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": _CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": _CREDENTIAL,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": _MISSING,
            "AWS_SHARED_CREDENTIALS_FILE": _MISSING,
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])),
        }

    def session(self) -> boto3.Session:
        """Return a session with the lab's credentials; a client of it still needs `endpoint_url`."""
        return boto3.Session(aws_access_key_id=_CREDENTIAL, aws_secret_access_key=_CREDENTIAL, region_name=self.region)

    def seed(self, names: Iterable[str]) -> list[str]:
        """Put a random value under each name that the secret store lacks, and return the names that were new.

        These stand for what a person would have put there (pager keys, webhooks); one that is there stays.
        """
        store = self.session().client("secretsmanager", endpoint_url=self.url, config=Config(proxies={}))
        pages = store.get_paginator("list_secrets").paginate()
        present = {entry["Name"] for page in pages for entry in page["SecretList"]}
        missing = sorted(set(names) - present)
        for name in missing:
            store.create_secret(Name=name, SecretString=secrets.token_urlsafe(24))
        return missing


def start(processes: Processes, region: str, account: str) -> tuple[Cloud, bool]:
    """Bring the cloud up, or return the one that runs; and whether it is a new, empty one.

    Args:
        processes: those of the instance.
        region: AWS region.
        account: id that STS reports and ARNs carry, as in the region's settings.

    Raises:
        LabError: it does not start.
    """
    if processes.running(NAME):
        return running(processes, region), False
    processes.start(Command(NAME, _argv, _ready, ("http",), {"MOTO_ACCOUNT_ID": account}))
    return running(processes, region), True


def running(processes: Processes, region: str) -> Cloud:
    """Return the recorded cloud."""
    return Cloud(f"http://127.0.0.1:{processes.recorded()[NAME].ports['http']}", region)


def _argv(ports: Mapping[str, int]) -> list[str]:
    return python_module("moto.server", "-H", "127.0.0.1", "-p", str(ports["http"]))


def _ready(ports: Mapping[str, int]) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://127.0.0.1:{ports['http']}/moto-api/data.json", timeout=_TIMEOUT).ok
    except requests.RequestException:
        return False
