"""One AWS account and region as a provider resource configures it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lab.providers.protocol import ProviderError, flag
from lab.providers.values import Object

CONNECTIONS: Final = 32
_GONE: Final = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NotFoundException",
        "OwnershipControlsNotFoundError",
        "ResourceNotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)


class Aws:
    """The services of one account and region, with the tags that every resource gets."""

    def __init__(self, config: Object) -> None:
        self._session = boto3.Session(
            region_name=config.get("region"),
            profile_name=config.get("profile"),
            aws_access_key_id=config.get("accessKey"),
            aws_secret_access_key=config.get("secretKey"),
            aws_session_token=config.get("token"),
        )
        if self._session.region_name is None:
            raise ProviderError(
                "aws:region: it is not set; set it on the provider, in the stack's settings, or as AWS_REGION."
            )
        self.region: str = self._session.region_name
        self.default_tags: dict[str, str] = decoded(config, "defaultTags", {}).get("tags") or {}
        self._endpoints: dict[str, str] = {}
        for endpoints in decoded(config, "endpoints", []):
            self._endpoints.update(endpoints)
        self._path_style = flag(config, "s3UsePathStyle") or "s3" in self._endpoints
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str) -> Any:
        """Return the client of a service; it is made once, since that takes 50 ms, and may be shared by threads."""
        with self._lock:
            if service not in self._clients:
                options = Config(
                    max_pool_connections=CONNECTIONS,
                    s3={"addressing_style": "path" if self._path_style else "auto"},
                )
                session: Any = self._session
                self._clients[service] = session.client(
                    service, endpoint_url=self._endpoints.get(service), config=options
                )
            return self._clients[service]

    def account(self) -> str:
        """Return the ID of the account that the credentials belong to."""
        return str(self("sts").get_caller_identity()["Account"])

    def tags(self, inputs: Mapping[str, Any]) -> dict[str, str]:
        """Return a resource's own tags over the provider's default ones (tagsAll)."""
        return {**self.default_tags, **(inputs.get("tags") or {})}

    def own_tags(self, live: Mapping[str, str], inputs: Mapping[str, Any]) -> Object:
        """Return, as drift, the tags a resource should have had in its inputs; nothing when the live ones agree."""
        if dict(live) == self.tags(inputs):
            return {}
        defaults = self.default_tags.items()
        own = inputs.get("tags") or {}
        return {"tags": {key: value for key, value in live.items() if key in own or (key, value) not in defaults}}


def decoded(config: Mapping[str, Any], name: str, default: Any) -> Any:
    """Return a structured value of the provider's configuration, which the SDKs send as JSON text."""
    value = config.get(name, default)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ProviderError(f"aws:{name}: it is not JSON ({error}); correct it.") from error


@contextmanager
def failures(what: str) -> Iterator[None]:
    """Turn what AWS refuses into the provider's error, naming the resource; AWS messages hold no secret values."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise ProviderError(f"{what}: {error}") from error


def unless_gone(ask: Callable[[], Any]) -> Any:
    """Return what AWS answers, or None when it says that there is no such thing."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise


def listed(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags as the list that most services take."""
    return [{key: name, value: text} for name, text in tags.items()]


def mapped(tags: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Return a service's list of tags as a mapping, without those AWS itself sets."""
    return {tag[key]: tag[value] for tag in tags or [] if not tag[key].startswith("aws:")}
