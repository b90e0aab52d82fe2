"""Turn pulumi-aws' camelCase structures into boto3's, and back, and tell whether the live one is as asked."""

from typing import Any, Final

_TO_AWS: Final = {
    "id": "ID",
    "kmsMasterKeyId": "KMSMasterKeyID",
    "mfaDelete": "MFADelete",
    "sseAlgorithm": "SSEAlgorithm",
}
_FROM_AWS: Final = {name: own for own, name in _TO_AWS.items()}


def to_aws(value: Any) -> Any:
    """Return a structure with boto3's keys; a mapping of tags becomes its list."""
    if isinstance(value, dict):
        return {
            _TO_AWS.get(key, key[:1].upper() + key[1:]): (
                [{"Key": name, "Value": text} for name, text in item.items()] if key == "tags" else to_aws(item)
            )
            for key, item in value.items()
        }
    return [to_aws(item) for item in value] if isinstance(value, list) else value


def from_aws(value: Any) -> Any:
    """Return a structure with pulumi-aws' keys; a list of tags becomes its mapping."""
    if isinstance(value, dict):
        return {
            _FROM_AWS.get(key, key[:1].lower() + key[1:]): (
                {tag["Key"]: tag["Value"] for tag in item} if key == "Tags" else from_aws(item)
            )
            for key, item in value.items()
        }
    return [from_aws(item) for item in value] if isinstance(value, list) else value


def as_asked(wanted: Any, live: Any) -> bool:
    """Tell whether a live structure is the wanted one; what AWS adds may only be empty or off."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return all(as_asked(value, live.get(key)) for key, value in wanted.items()) and not any(
            live[key] for key in live.keys() - wanted.keys()
        )
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) == len(live) and all(map(as_asked, wanted, live))
    return bool(wanted == live) or (not wanted and not live)
