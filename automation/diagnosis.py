"""Turn what the engine says about a broken environment into one sentence with the fix; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


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
        "check PULUMI_BACKEND_URL; up makes a stack that is new",
    ),
    _Known(
        re.compile(
            r"unable to (open|check if) bucket|could not list bucket|read(ing)? bucket|blob (\(key [^)]*\) )?\(code=|"
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
