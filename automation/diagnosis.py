"""Turn what the engine says about a broken environment into one sentence with the fix; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from automation.result import Result

_TRACEBACK: Final = "Traceback (most recent call last)"


@dataclass(frozen=True)
class _Known:
    pattern: re.Pattern[str]
    what: str
    fix: str


LOCKED: Final = re.compile(
    r"created by (?P<user>[^@\s]+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)", re.MULTILINE
)
"""How the engine names the owner of a lock."""

_KNOWN: Final = (
    _Known(
        re.compile(r"incorrect passphrase|passphrase must be set", re.IGNORECASE),
        "the passphrase does not open the stack's secrets",
        "set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE, to the one the stack was made with",
    ),
    _Known(
        re.compile(r"kms.*(DisabledException|KMSInvalidState|KeyUnavailable)", re.IGNORECASE),
        "the KMS key of the stack's secrets is switched off",
        "enable it, or cancel its deletion, then run the same command",
    ),
    _Known(
        re.compile(r"InvalidCiphertextException|IncorrectKeyException|kms.*(AccessDenied|NotFound)", re.IGNORECASE),
        "the KMS key cannot be used for the stack's secrets",
        "use the key that the stack was made with, or for a new one that of FLEET_SECRETS_PROVIDER, in the key's own "
        "region, as a role that may encrypt and decrypt with it",
    ),
    _Known(
        re.compile(r"ExpiredToken|token (included in the request )?(is|has) expired|RequestExpired", re.IGNORECASE),
        "the AWS credentials have expired",
        "sign in again, then run the same command",
    ),
    _Known(
        re.compile(r"InvalidClientTokenId|SignatureDoesNotMatch|NoCredentialProviders|failed to refresh cached creden"),
        "AWS does not accept the credentials",
        "set the credentials of the account that owns the region, then run the same command",
    ),
    _Known(
        re.compile(r"no space left on device|Errno 28", re.IGNORECASE),
        "the disk is full",
        "make room, then run the same command; what was done until then is in the state",
    ),
    _Known(
        re.compile(r"Apply failed with \d+ conflicts?: "),
        "somebody else has set fields of an object",
        "look at them with drift; to take them back, run up with PULUMI_K8S_ENABLE_PATCH_FORCE=true once",
    ),
    _Known(
        re.compile(r"failed to load checkpoint: EOF"),
        "a killed command has left an empty file beside the state",
        "delete the empty <stack>.json.attrs in the backend's folder, which nothing needs, then run the same command",
    ),
    _Known(
        re.compile(r"no stack named .* found"),
        "there is no such stack in the backend",
        "fix: correct PULUMI_BACKEND_URL, or run up first, which makes it",
    ),
    _Known(
        re.compile(r"error: unexpected end of JSON input"),
        "a lock of the stack is an empty or half written file",
        "python -m automation unlock names it",
    ),
    _Known(
        re.compile(
            r"unable to (open|check if) (bucket|state directory|state database)|missing google credentials|"
            r"could not list bucket|read(ing)? bucket|blob (\(key [^)]*\) )?\(code=|"
            r"PULUMI_ACCESS_TOKEN must be set|problem logging in|invalid backend|could not determine current backend|"
            r"unknown Pulumi backend|no such file or directory.*state",
            re.IGNORECASE,
        ),
        "the backend that keeps the state cannot be reached",
        "check PULUMI_BACKEND_URL, the network and the credentials for it",
    ),
)


def sentence(stack: str, output: str) -> str:
    """Return the one sentence for output that is understood; empty when it is not.

    Args:
        stack: whose operation it was.
        output: all that the engine said.
    """
    owner = LOCKED.search(output)
    if owner is not None:
        return (
            f"{stack}: is locked by {owner['user']}@{owner['host']} (pid {owner['pid']}) since {owner['since']}; "
            "wait until that operation ends; if it was killed: python -m automation unlock"
        )
    for known in _KNOWN:
        found = known.pattern.search(output)
        if found is not None:
            line = next((line for line in output.splitlines() if found[0] in line), found[0]).strip()
            return f"{stack}: {known.what} ({line}); {known.fix}"
    return ""


def failed(stack: str, result: Result, output: str, log: Path) -> str:
    """Return what went wrong: the engine's errors, or the CLI's own when it did not get as far as the engine.

    Args:
        stack: whose operation it was.
        result: what was done until then; of a program's traceback in it only the last line is shown.
        output: all that the CLI said.
        log: file with all of it.
    """
    errors = result.errors or [line for line in output.splitlines() if "error: " in line] or [output]
    shown = [error.splitlines()[-1] + f" (all of it: {log})" if _TRACEBACK in error else error for error in errors]
    known = sentence(stack, f"{output}\n" + "\n".join(errors))
    return known or "\n".join([f"{result.project} {result.operation} failed:", *dict.fromkeys(shown)])


def absent(stack: str, project: str, backend: str) -> str:
    """Return the sentence for a stack that a backend does not have.

    Args:
        stack: that is looked for.
        project: name of its Pulumi project: of each region there is one stack per project.
        backend: URL, of which only what may be mistyped is shown, no password.
    """
    url = urlsplit(backend)
    shown = urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2], query=""))
    return (
        f"{stack}: there is no such stack in the backend {shown or 'that you are signed in to'} (project {project}); "
        "allowed: one that up has made; fix: correct PULUMI_BACKEND_URL, or run up first"
    )
