"""Where one lab instance keeps its things, and who may touch them."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from automation.private import write_private
from lab.problem import LabError

ROOT: Final = Path(__file__).resolve().parents[1]
"""The repository."""
MARK: Final = "OBSERVABILITY_LAB"
"""Environment variable that every process of an instance carries, so that even one that was never recorded is found."""


@dataclass(frozen=True)
class Instance:
    """The files of one stack's lab: all below `folder`, which only its owner may read."""

    stack: str
    folder: Path

    @classmethod
    def of(cls, stack: str, root: Path = ROOT) -> Instance:
        """Return the instance of a stack in a repository; it need not exist."""
        return cls(stack, root / ".lab" / stack)

    @property
    def environment(self) -> str:
        """The first part of the stack's name."""
        return self.stack.partition(".")[0]

    @property
    def etcd(self) -> Path:
        """Data of etcd."""
        return self.folder / "etcd"

    @property
    def pki(self) -> Path:
        """Certificates and keys of the API server."""
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        """Credentials of the cluster's administrator."""
        return self.folder / "kubeconfig"

    @property
    def logs(self) -> Path:
        """One file per process, and lab.log for errors of the lab itself."""
        return self.folder / "logs"

    @property
    def state(self) -> Path:
        """Pulumi's backend."""
        return self.folder / "state"

    @property
    def home(self) -> Path:
        """PULUMI_HOME, so that nothing of the user's own is read or written."""
        return self.folder / "home"

    @property
    def results(self) -> Path:
        """What each project's last operation did."""
        return self.folder / "results"

    def work(self, project: str) -> Path:
        """Return the working folder of a project: copies of its Pulumi files, since the engine writes into them."""
        return self.folder / "work" / project

    def checkpoint(self, project: str) -> Path:
        """Return the file in which Pulumi's backend keeps the state of a project's stack; it need not exist."""
        return self.state / ".pulumi" / "stacks" / project / f"{self.stack}.json"

    def exists(self) -> bool:
        """Return whether there is anything of this instance."""
        return self.folder.exists()

    def create(self) -> None:
        """Make the folders; what is there stays."""
        self.folder.parent.mkdir(exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.pki, self.logs, self.state, self.home, self.results):
            folder.mkdir(exist_ok=True)

    def remove(self) -> None:
        """Remove everything, and `.lab` too when this was the last instance."""
        shutil.rmtree(self.folder)
        if not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def passphrase(self) -> str:
        """Return the passphrase that encrypts secrets in the state; made once, at random."""
        file = self.folder / "passphrase"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32))
        return file.read_text()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands off this instance; the folder itself is the lock, so that no lock file stays behind.

        Raises:
            LabError: another command is at work on it.
        """
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LabError(
                    f"lab {self.stack}: another lab command is at work on it; wait for it to end, then run this again."
                ) from None
            yield
        finally:
            os.close(handle)
