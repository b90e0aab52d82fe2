"""Stand-ins for the kubernetes, random and aws plugins, for machines where the real ones are not installed.

They are gRPC ResourceProvider services that the real engine attaches to (PULUMI_DEBUG_PROVIDERS), so a program
sees the documented behaviour of the real providers: server-side apply and dry runs against a real API server, S3
and IAM calls against whatever AWS_ENDPOINT_URL names. `python -m lab.providers --json` starts them.
"""
