"""The stand-in for pulumi-kubernetes 4.34: any kind the API server knows, and Construct for helm.sh/v4 Chart."""
