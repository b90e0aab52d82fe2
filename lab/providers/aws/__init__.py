"""The stand-in for pulumi-aws 7: the types that a platform needs, through boto3, at AWS_ENDPOINT_URL."""
