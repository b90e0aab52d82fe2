"""Answer the engine for the AWS types of the table, with boto3's ordinary environment (AWS_ENDPOINT_URL and so on)."""

from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2 as proto

from lab.providers.aws import iam, keys, s3
from lab.providers.aws.client import Aws, decoded, failures
from lab.providers.protocol import Connection, ProviderError, flag
from lab.providers.table import TableProvider
from lab.providers.values import Object


class AwsProvider(TableProvider[Aws]):
    """S3, IAM, EKS Pod Identity, Secrets Manager and KMS."""

    package = "aws"
    version = "7.51.1"
    kinds = {**s3.KINDS, **iam.KINDS, **keys.KINDS}

    def diff_config(self, olds: Object, news: Object) -> list[str]:
        """Replace everything when the region changes: nothing moves from one to another."""
        return ["region"] if olds.get("region") != news.get("region") else []

    def configure(self, config: Object) -> Aws:
        """Open the account; refuse one that allowedAccountIds or forbiddenAccountIds keep out."""
        with failures("aws provider"):
            aws = Aws(config)
            allowed, forbidden = decoded(config, "allowedAccountIds", []), decoded(config, "forbiddenAccountIds", [])
            if (allowed or forbidden) and not flag(config, "skipRequestingAccountId"):
                account = aws.account()
                if (allowed and account not in allowed) or account in forbidden:
                    raise ProviderError(
                        f"aws:allowedAccountIds: AWS account ID not allowed: {account}; allowed is "
                        f"{', '.join(allowed) or 'any but ' + ', '.join(forbidden)}. Use credentials of that account."
                    )
        return aws

    def create(self, on: Connection[Aws], request: proto.CreateRequest) -> proto.CreateResponse:
        """Create, with AWS' refusal as the error."""
        with failures(f"creating {request.type} {request.name}"):
            return super().create(on, request)

    def read(self, on: Connection[Aws], request: proto.ReadRequest) -> proto.ReadResponse:
        """Read, with AWS' refusal as the error."""
        with failures(f"reading {request.type} {request.id}"):
            return super().read(on, request)

    def update(self, on: Connection[Aws], request: proto.UpdateRequest) -> proto.UpdateResponse:
        """Update, with AWS' refusal as the error."""
        with failures(f"updating {request.type} {request.id}"):
            return super().update(on, request)

    def delete(self, on: Connection[Aws], request: proto.DeleteRequest) -> Empty:
        """Delete, with AWS' refusal as the error."""
        with failures(f"deleting {request.type} {request.id}"):
            return super().delete(on, request)
