"""One resource of the aws stand-in through the calls that the engine makes."""

import json
from typing import Any

import boto3
from pulumi.runtime.proto import provider_pb2 as proto

from lab.providers.aws.provider import AwsProvider
from lab.providers.protocol import Connection
from lab.providers.values import marshal, unmarshal
from tests.lab.providers.conftest import urn

REGION = "eu-west-1"


class Lifecycle:
    """One resource through the calls the engine makes, with the state kept as the engine keeps it."""

    def __init__(self, provider: AwsProvider, on: Connection[Any], token: str) -> None:
        self.provider, self.on, self.token = provider, on, token
        self.urn = urn(token, "Main")
        self.id, self.inputs, self.state = "", proto.CheckRequest().news, proto.CheckRequest().olds

    def check(self, inputs: dict[str, Any]) -> Any:
        request = proto.CheckRequest(urn=self.urn, news=marshal(inputs), olds=self.inputs, randomSeed=b"seed")
        return self.provider.check(self.on, request).inputs

    def create(self, **inputs: Any) -> dict[str, Any]:
        self.inputs = self.check(inputs)
        request = proto.CreateRequest(urn=self.urn, properties=self.inputs, type=self.token, name="Main")
        answer = self.provider.create(self.on, request)
        self.id, self.state = answer.id, answer.properties
        return unmarshal(self.state)

    def preview(self, **inputs: Any) -> dict[str, Any]:
        request = proto.CreateRequest(urn=self.urn, properties=self.check(inputs), preview=True)
        return unmarshal(self.provider.create(self.on, request).properties)

    def diff(self, **inputs: Any) -> dict[str, str]:
        """Return the changed paths, each with its kind."""
        answer = self.provider.diff(
            self.on,
            proto.DiffRequest(
                urn=self.urn, id=self.id, olds=self.state, old_inputs=self.inputs, news=self.check(inputs)
            ),
        )
        return {path: proto.PropertyDiff.Kind.Name(change.kind) for path, change in answer.detailedDiff.items()}

    def update(self, **inputs: Any) -> dict[str, Any]:
        news = self.check(inputs)
        request = proto.UpdateRequest(
            urn=self.urn, id=self.id, olds=self.state, old_inputs=self.inputs, news=news, type=self.token
        )
        self.state, self.inputs = self.provider.update(self.on, request).properties, news
        return unmarshal(self.state)

    def refresh(self) -> bool:
        """Read the live resource; return whether it is there."""
        request = proto.ReadRequest(
            urn=self.urn, id=self.id, properties=self.state, inputs=self.inputs, type=self.token
        )
        answer = self.provider.read(self.on, request)
        if not answer.id:
            return False
        self.state, self.inputs = answer.properties, answer.inputs
        return True

    def delete(self) -> None:
        request = proto.DeleteRequest(urn=self.urn, id=self.id, properties=self.state, type=self.token)
        self.provider.delete(self.on, request)


class World:
    """The provider with its default configuration, and plain clients beside it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.provider = AwsProvider()
        config = {"region": REGION, "defaultTags": json.dumps({"tags": {"stack": "prod.eu-west"}})}
        self.on = Connection(configured=self.provider.configure(config))

    def of(self, token: str) -> Lifecycle:
        return Lifecycle(self.provider, self.on, token)

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]  # the name is no literal
