"""Construct kubernetes:helm.sh/v4:Chart: render with helm, register each object as a child of the chart.

As the real component (provider/pkg/provider/helm/v4): no hooks, the server's version and kinds as capabilities, and
nothing at all at a preview whose inputs are not all known. Two things are not copied: `lookup` finds nothing, and
post-renderers and signature checks are refused.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import grpc
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc

import tools
from lab.providers.kubernetes.cluster import Cluster, Gvk
from lab.providers.kubernetes.manifests import Key, key_of, levels, normalized, parse
from lab.providers.kubernetes.objects import annotation, hidden
from lab.providers.protocol import MESSAGE_LIMIT, EngineLog, ProviderError
from lab.providers.values import (
    ASSET_SIGNATURE,
    RESOURCE_SIGNATURE,
    SIGNATURE,
    UNKNOWN,
    Object,
    has_unknown,
    marshal,
    plain,
    unmarshal,
)

CHART: Final = "kubernetes:helm.sh/v4:Chart"
_VERSION: Final = "4.34.2"
_RENDER_DEADLINE: Final = 120.0
_REFUSED: Final = ("postRenderer", "verify", "keyring")


def construct(
    cluster: Cluster, namespace: str | None, log: EngineLog, request: proto.ConstructRequest
) -> proto.ConstructResponse:
    """Register the component, then a child per rendered object, level by level; return its `resources`."""
    options = [("grpc.max_send_message_length", MESSAGE_LIMIT), ("grpc.max_receive_message_length", MESSAGE_LIMIT)]
    with grpc.insecure_channel(request.monitorEndpoint, options=options) as channel:
        monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
        urn = _registered(monitor.RegisterResource.future(_component(request))).urn
        inputs = unmarshal(request.inputs, nulls=True)
        if has_unknown(inputs):
            log.warn(urn, "Input properties have unknown values. Preview is incomplete.")
            return proto.ConstructResponse(urn=urn)
        args = plain(inputs)
        home = args.get("namespace") or namespace or cluster.endpoint.namespace
        rendered = render(args, args.get("name") or request.name, home, cluster)
        children = _children(
            normalized(parse(rendered), home, cluster),
            request,
            urn,
            prefix=request.name if args.get("resourcePrefix") is None else args["resourcePrefix"],
            skip_await=bool(args.get("skipAwait")),
        )
        registered: dict[Key, resource_pb2.RegisterResourceResponse] = {}
        for level in children:
            calls = {}
            for key, needs, child in level:
                child.dependencies.extend(registered[need].urn for need in needs)
                calls[key] = monitor.RegisterResource.future(child)
            registered.update({key: _registered(call) for key, call in calls.items()})
        outputs = marshal({"resources": [_reference(response) for response in registered.values()]})
        monitor.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=urn, outputs=outputs))
    answer = proto.ConstructResponse(urn=urn, state=outputs)
    answer.stateDependencies["resources"].urns.extend(response.urn for response in registered.values())
    return answer


def render(args: Mapping[str, Any], release: str, namespace: str, cluster: Cluster) -> str:
    """Return the chart's manifests, custom resource definitions first.

    The values go through a pipe, since a command line is there for every user of the machine to read.
    Raises ProviderError with helm's own message when it does not render.
    """
    for name in _REFUSED:
        if args.get(name):
            raise ProviderError(f"{CHART} {release}: the stand-in provider does not know `{name}`; leave it out.")
    command = [helm(), "template", release, str(args["chart"]), "--namespace", namespace, "--no-hooks"]
    command += ["--kube-version", cluster.version()]
    for version in _capabilities(cluster):
        command += ["--api-versions", version]
    if not args.get("skipCrds"):
        command.append("--include-crds")
    repository = args.get("repositoryOpts") or {}
    for option, value in (("--version", args.get("version")), ("--repo", repository.get("repo"))):
        if value:
            command += [option, str(value)]
    for option in ("devel", "dependencyUpdate"):
        if args.get(option):
            command.append("--dependency-update" if option == "dependencyUpdate" else "--devel")
    with tempfile.TemporaryDirectory(prefix="helm-values-") as directory:
        for index, asset in enumerate(args.get("valueYamlFiles") or []):
            command += ["--values", str(_asset_file(asset, Path(directory) / f"{index}.yaml"))]
        command += ["--values", "-"]
        result = subprocess.run(
            command,
            input=json.dumps(args.get("values") or {}),
            capture_output=True,
            text=True,
            timeout=_RENDER_DEADLINE,
            check=False,
        )
    if result.returncode != 0:
        raise ProviderError(f"{CHART} {release}: {result.stderr.strip()}")
    return result.stdout


def helm() -> str:
    """Return the helm to run: HELM_BIN, the project's own build, or that on PATH."""
    if "HELM_BIN" in os.environ:
        return os.environ["HELM_BIN"]
    try:
        return str(tools.path("helm"))
    except tools.ToolError as error:
        found = shutil.which("helm")
        if found is None:
            raise ProviderError(f"{error} Or set HELM_BIN.") from error
        return found


def token(gvk: Gvk) -> str:
    """Return the type token of a kind: kubernetes:apps/v1:Deployment, and core where the group is empty."""
    return f"kubernetes:{gvk.group or 'core'}/{gvk.version}:{gvk.kind}"


def _capabilities(cluster: Cluster) -> list[str]:
    kinds = cluster.kinds()
    return sorted({gvk.api_version for gvk in kinds} | {f"{gvk.api_version}/{gvk.kind}" for gvk in kinds})


def _asset_file(asset: Mapping[str, Any], scratch: Path) -> Path:
    if asset.get(SIGNATURE) != ASSET_SIGNATURE or not ("path" in asset or "text" in asset):
        raise ProviderError(f"{CHART}: valueYamlFiles: each has to be a FileAsset or a StringAsset.")
    if "path" in asset:
        return Path(str(asset["path"]))
    scratch.touch(mode=0o600)
    scratch.write_text(str(asset["text"]))
    return scratch


def _component(request: proto.ConstructRequest) -> resource_pb2.RegisterResourceRequest:
    """Return the registration of the chart itself, with the options the program gave it."""
    component = resource_pb2.RegisterResourceRequest(
        type=request.type,
        name=request.name,
        parent=request.parent,
        custom=False,
        acceptSecrets=True,
        acceptResources=True,
        dependencies=request.dependencies,
        aliases=request.aliases,
        aliasSpecs=True,
        providers=request.providers,
        additionalSecretOutputs=request.additionalSecretOutputs,
        ignoreChanges=request.ignoreChanges,
        replaceOnChanges=request.replaceOnChanges,
        deletedWith=request.deletedWith,
    )
    for name in ("protect", "retainOnDelete"):
        if request.HasField(name):
            setattr(component, name, getattr(request, name))
    return component


def _children(
    objects: list[Object], request: proto.ConstructRequest, parent: str, *, prefix: str, skip_await: bool
) -> list[list[tuple[Key, list[Key], resource_pb2.RegisterResourceRequest]]]:
    return [
        [(key_of(obj), needs, _child(obj, request, parent, prefix, skip_await)) for obj, needs in level]
        for level in levels(objects)
    ]


def _child(
    obj: Object, request: proto.ConstructRequest, parent: str, prefix: str, skip_await: bool
) -> resource_pb2.RegisterResourceRequest:
    metadata = obj["metadata"]
    name = f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]
    if skip_await:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), "pulumi.com/skipAwait": "true"}
    child = resource_pb2.RegisterResourceRequest(
        type=token(Gvk.of(obj)),
        name=f"{prefix}:{name}" if prefix else name,
        parent=parent,
        custom=True,
        object=marshal(hidden(obj)),
        acceptSecrets=True,
        acceptResources=True,
        supportsPartialValues=True,
        version=_VERSION,
        provider=request.providers.get("kubernetes", ""),
    )
    if annotation(obj, "helm.sh/resource-policy") == "keep":
        child.retainOnDelete = True
    return child


def _registered(call: Any) -> resource_pb2.RegisterResourceResponse:
    try:
        response: resource_pb2.RegisterResourceResponse = call.result()
    except grpc.RpcError as error:
        # The engine has shown the child's own failure by now; this only ends the chart.
        raise ProviderError(f"{CHART}: a resource was not registered: {error}") from error
    return response


def _reference(response: resource_pb2.RegisterResourceResponse) -> Object:
    return {
        SIGNATURE: RESOURCE_SIGNATURE,
        "urn": response.urn,
        "id": response.id or UNKNOWN,
        "packageVersion": _VERSION,
    }
