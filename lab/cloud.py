"""The AWS of one instance: moto's server on loopback, for S3, IAM, KMS, Secrets Manager, STS and EKS.

It keeps everything in memory: an instance whose cloud was ended has an empty one after the next `up`. It listens for
plaintext, which everything but the objects of the region's buckets may use, and for TLS.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boto3
import requests
from botocore.config import Config

from lab.instance import ROOT
from lab.pki import Pki
from lab.problem import LabError
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
    tls_url: str
    """The same cloud by HTTPS, the only way that the buckets' policies let objects be read and written."""
    authority: Path
    """Certificate that vouches for the HTTPS address."""

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

    def argv(ports: Mapping[str, int]) -> list[str]:
        listen = [f"--{purpose}={port}" for purpose, port in ports.items()]
        return python_module("lab.aws", *listen, f"--pki={processes.instance.pki}")

    # Its account is fixed when it starts; the module is found from the repository, wherever the command was run.
    env = {"MOTO_ACCOUNT_ID": account, "PYTHONPATH": str(ROOT)}
    processes.start(Command(NAME, argv, _ready, ("http", "https"), env))
    return running(processes, region), True


def running(processes: Processes, region: str) -> Cloud:
    """Return the recorded cloud.

    Raises:
        LabError: it was started by a version of the lab that knew no TLS.
    """
    ports = processes.recorded()[NAME].ports
    if "https" not in ports:
        raise LabError("lab: its cloud was started by an older version; run 'python -m lab down', then up again.")
    urls = {purpose: f"{purpose}://127.0.0.1:{port}" for purpose, port in ports.items()}
    return Cloud(urls["http"], region, urls["https"], Pki(processes.instance.pki).authority)


def _ready(ports: Mapping[str, int]) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://127.0.0.1:{ports['http']}/moto-api/data.json", timeout=_TIMEOUT).ok
    except requests.RequestException:
        return False
