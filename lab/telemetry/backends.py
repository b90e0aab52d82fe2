"""Loki's and Tempo's configurations as local processes read them, with the region's buckets in the lab's cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.config import Config as S3Config

from lab.cloud import Cloud
from lab.telemetry.container import LOOPBACK

Config = dict[str, Any]
PORTS: Final = ("http", "grpc", "members")
"""Purposes of the ports of each; Tempo has otlp_grpc and otlp_http besides."""
_CACHING: Final = ("cache_results", "results_cache")


@dataclass(frozen=True)
class Store:
    """Where the buckets are: host:port of S3 by TLS, and the certificate that vouches for it."""

    endpoint: str
    authority: Path

    @classmethod
    def of(cls, cloud: Cloud) -> Store:
        """Return the store of a cloud."""
        return cls(cloud.tls_url.removeprefix("https://"), cloud.authority)

    @property
    def environment(self) -> dict[str, str]:
        """Return what makes a Go program trust the store; Loki's S3 client reads no other setting of its CA."""
        return {"SSL_CERT_FILE": str(self.authority)}


def emptied(cloud: Cloud) -> None:
    """Delete every object that stores wrote: a bucket that holds something is not deleted with its region."""
    store = cloud.session().resource(
        "s3", endpoint_url=cloud.tls_url, verify=str(cloud.authority), config=S3Config(proxies={})
    )
    for bucket in store.buckets.all():
        bucket.object_versions.delete()


def loki(config: Mapping[str, Any], ports: Mapping[str, int], store: Store) -> Config:
    """Return Loki's configuration as one process on loopback.

    Args:
        config: with paths swapped already.
        ports: http, grpc and members.
        store: where its bucket is.
    """
    s3 = config["common"]["storage"]["object_store"]["s3"]
    storage = {"endpoint": store.endpoint, "bucket_lookup_type": "path"}
    common = {
        **config["common"],
        # An address of its own takes the common ring off memberlist, so that must be said again.
        "instance_addr": LOOPBACK,
        "ring": {"instance_addr": LOOPBACK, "kvstore": {"store": "memberlist"}},
        "compactor_grpc_address": f"{LOOPBACK}:{ports['grpc']}",
        "storage": {**config["common"]["storage"], "object_store": {"s3": {**s3, **storage}}},
    }
    return {
        **config,
        "common": common,
        "memberlist": _members(config["memberlist"], ports["members"]),
        "server": {**config["server"], **_listening(ports)},
    }


def loki_role(config: Mapping[str, Any], ports: Mapping[str, int], others: Mapping[str, int]) -> Config:
    """Return the configuration of one role of a distributed Loki, which has one process of each and no caches.

    Args:
        config: of a process of its own on loopback.
        ports: the role's own.
        others: grpc ports of the scheduler and of the index gateway, and the members port of any role, by `scheduler`,
            `index` and `members`; what is not there is the role's own.
    """
    scheduler, index = (_peer(role, "grpc", ports, others) for role in ("scheduler", "index"))
    storage = config["storage_config"]
    shipper = {**storage["tsdb_shipper"], "index_gateway_client": {"server_address": index}}
    return {
        **{key: value for key, value in config.items() if key != "chunk_store_config"},
        "common": {**config["common"], "replication_factor": 1},
        "query_range": {key: value for key, value in config["query_range"].items() if key not in _CACHING},
        "frontend": {**config["frontend"], "scheduler_address": scheduler, "address": LOOPBACK},
        "frontend_worker": {**config["frontend_worker"], "scheduler_address": scheduler},
        "storage_config": {**storage, "tsdb_shipper": shipper},
        "memberlist": _joining(config["memberlist"], ports, others),
    }


def tempo(config: Mapping[str, Any], ports: Mapping[str, int], store: Store) -> Config:
    """Return Tempo's configuration as one process on loopback.

    Args:
        config: with paths and Prometheus' address swapped already.
        ports: http, grpc, members, otlp_grpc and otlp_http.
        store: where its bucket is.
    """
    trace, distributor = config["storage"]["trace"], config["distributor"]
    protocols = {
        protocol: {**receiver, "endpoint": f"{LOOPBACK}:{ports[f'otlp_{protocol}']}"}
        for protocol, receiver in distributor["receivers"]["otlp"]["protocols"].items()
    }
    s3 = {**trace["s3"], "endpoint": store.endpoint, "forcepathstyle": True}
    return {
        **config,
        "server": {**config["server"], **_listening(ports)},
        "memberlist": _members(config.get("memberlist", {}), ports["members"]),
        # Each ring would take the address of the first interface, which a machine without a network has not.
        "distributor": {**_joined(distributor, "ring"), "receivers": {"otlp": {"protocols": protocols}}},
        "compactor": _joined(config["compactor"], "ring"),
        "metrics_generator": _joined(config["metrics_generator"], "ring"),
        "ingester": _joined(config.get("ingester", {}), "lifecycler", "address"),
        "storage": {**config["storage"], "trace": {**trace, "s3": s3}},
    }


def understood(config: Mapping[str, Any]) -> Config:
    """Return Tempo's configuration without the one field that its chart writes and the built Tempo (2.8) knows not."""
    frontend = {key: value for key, value in config["query_frontend"].items() if key != "mcp_server"}
    return {**config, "query_frontend": frontend}


def tempo_role(config: Mapping[str, Any], ports: Mapping[str, int], others: Mapping[str, int]) -> Config:
    """Return the configuration of one role of a distributed Tempo, which has one process of each and no cache.

    Args:
        config: of a process of its own on loopback.
        ports: the role's own.
        others: the grpc port of the query frontend and the members port of any role, by `frontend` and `members`; what
            is not there is the role's own.
    """
    lifecycler, querier = config["ingester"]["lifecycler"], config["querier"]
    alone = {**lifecycler, "ring": {**lifecycler["ring"], "replication_factor": 1}}
    worker = {**querier["frontend_worker"], "frontend_address": _peer("frontend", "grpc", ports, others)}
    return {
        **{key: value for key, value in understood(config).items() if key != "cache"},
        "ingester": {**config["ingester"], "lifecycler": alone},
        "querier": {**querier, "frontend_worker": worker},
        "memberlist": _joining(config["memberlist"], ports, others),
    }


def _peer(role: str, purpose: str, ports: Mapping[str, int], others: Mapping[str, int]) -> str:
    return f"{LOOPBACK}:{others.get(role, ports[purpose])}"


def _joining(config: Config, ports: Mapping[str, int], others: Mapping[str, int]) -> Config:
    return {**config, "join_members": [_peer("members", "members", ports, others)]}


def _joined(config: Config, ring: str, address: str = "instance_addr") -> Config:
    return {**config, ring: {**config.get(ring, {}), address: LOOPBACK}}


def _listening(ports: Mapping[str, int]) -> Config:
    return {
        "http_listen_address": LOOPBACK,
        "http_listen_port": ports["http"],
        "grpc_listen_address": LOOPBACK,
        "grpc_listen_port": ports["grpc"],
    }


def _members(config: Mapping[str, Any], port: int) -> Config:
    here = {"bind_addr": [LOOPBACK], "bind_port": port, "advertise_addr": LOOPBACK, "advertise_port": port}
    # Without any member Loki would look for Consul; a lone one joins itself.
    return {**config, **here, "join_members": [f"{LOOPBACK}:{port}"]}
