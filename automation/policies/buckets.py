"""Whom the buckets of a plan are open to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from automation.paths import MASK, UNKNOWN
from automation.policies.reading import ABSENT, at, document, mapping, maps
from automation.recorder import Planned

BUCKETS: Final = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_SWITCHES: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_ACLS: Final = ("public-read", "public-read-write", "authenticated-read")
_GROUPS: Final = re.compile(r"/groups/global/(?:AllUsers|AuthenticatedUsers)$")
_OPERATOR: Final = re.compile(
    r"(?:ForAnyValue:)?(?:String(?:Equals|EqualsIgnoreCase|Like)|Arn(?:Equals|Like)|IpAddress)", re.IGNORECASE
)
"""Operators that hold for nobody who lacks the key; `...IfExists` and `ForAllValues:` hold for those."""
_NARROW: Final = {
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpcsourceip",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
}
"""Keys that say who asks or from which network. Others, such as `aws:SecureTransport`, everybody can meet."""
_PREFIXES: Final = {4: 8, 6: 32}
"""Shortest prefix of a network that AWS does not call public."""


def closed(planned: Sequence[Planned]) -> Iterator[tuple[Planned, str]]:
    """Yield each bucket that no public access block closes, with why.

    Blocks whose bucket only the update will know may close as many buckets as they are; a bucket whose name only the
    update will know is looked at then.
    """
    blocks = [
        each.inputs.get("bucket")
        for each in planned
        if each.type.endswith(":BucketPublicAccessBlock")
        and all(each.inputs.get(switch) in (True, UNKNOWN) for switch in _SWITCHES)
    ]
    named = [each for each in blocks if each not in (*ABSENT, MASK)]
    buckets = [each for each in planned if each.type in BUCKETS]
    left = [each for each in buckets if each.inputs.get("bucket") not in (*named, UNKNOWN)]
    if len(left) > blocks.count(UNKNOWN):
        for each in left:
            yield each, "has no public access block with all four switches on; fix: add a BucketPublicAccessBlock"


def opened(each: Planned) -> Iterator[str]:
    """Yield why a resource opens a bucket to everybody.

    Raises:
        UnreadableError: a grant or a policy is secret, or of another shape than documented.
    """
    if each.type in BUCKETS or each.type.endswith((":BucketAcl", ":BucketAclV2")):
        grants = [
            *(at(grant, "uri") for grant in maps(each.inputs, "grants")),
            *(at(grant, "grantee", "uri") for grant in maps(each.inputs, "accessControlPolicy", "grants")),
        ]
        if at(each.inputs, "acl") in _ACLS or any(_GROUPS.search(str(grant)) for grant in grants):
            yield "opens a bucket to everybody; allowed: its owner alone; fix: remove the access control list"
    if each.type in BUCKETS or each.type.endswith(":BucketPolicy"):
        statements = at(document(each.inputs, "policy"), "Statement")
        # IAM takes one statement without a list, too.
        listed = {"policy": [statements] if isinstance(statements, Mapping) else statements}
        if any(_allows_everybody(statement) for statement in maps(listed, "policy")):
            yield "allows everybody; allowed: named principals, or a Deny; fix: name the principal"


def _allows_everybody(statement: Mapping[str, Any]) -> bool:
    if at(statement, "Effect") in ("Deny", UNKNOWN) or _narrows(at(statement, "Condition")):
        return False
    # To allow all but some is to allow everybody whom nobody thought of.
    if at(statement, "NotPrincipal") is not None:
        return True
    principal = at(statement, "Principal")
    kinds = [at(principal, kind) for kind in principal] if isinstance(principal, Mapping) else [principal]
    return any("*" in str(name) for kind in kinds for name in _values(kind))


def _narrows(condition: Any) -> bool:
    """Return whether a condition holds only for known principals or networks: all of it must hold, so one part will do.

    Raises:
        UnreadableError: it is secret, or of another shape than documented.
    """
    if condition == UNKNOWN:
        return True
    for operator in mapping(condition):
        keys = mapping(condition, operator) if _OPERATOR.fullmatch(operator) else {}
        for key in keys:
            values = _values(at(keys, key)) if key.lower() in _NARROW else []
            if values and all(_narrow(str(value)) for value in values):
                return True
    return False


def _narrow(value: str) -> bool:
    """Return whether few meet a value: a wildcard is behind an account, a bucket's name or a part of a path."""
    start = re.split(r"[*?]", value, maxsplit=1)[0]
    if value.startswith("arn:"):
        parts = start.split(":", 5)
        return len(parts) == 6 and bool(parts[4] or parts[5])
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return bool(start) and (start == value or "/" in start or ":" in start)
    return network.prefixlen >= _PREFIXES[network.version]


def _values(value: Any) -> list[Any]:
    """Return the values where IAM takes one or a list of them.

    Raises:
        UnreadableError: one is secret.
    """
    return [at(each) for each in (value if isinstance(value, list) else [value]) if each is not None]
