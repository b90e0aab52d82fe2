"""Serve moto over HTTP and HTTPS, with bucket policies that mean what they say: python -m lab.aws.

moto takes the condition of a bucket policy for met whatever the request is, so that a policy which denies plaintext
denies everything. Here a statement counts only when its condition holds for the request at hand, which is why a
client that reads or writes objects must come by HTTPS, as it must in AWS.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import flask
import typer
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.access_control import IAMPolicy
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeBucket
from werkzeug.serving import make_server

from lab.pki import Pki

_HOST: Final = "127.0.0.1"
_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "Bool": lambda actual, expected: actual.lower() == expected.lower(),
    "NumericLessThan": lambda actual, expected: float(actual) < float(expected),
    "StringEquals": lambda actual, expected: actual == expected,
    "StringNotEquals": lambda actual, expected: actual != expected,
}
_NEGATED: Final = "StringNotEquals"
_IF_EXISTS: Final = "IfExists"


def facts(request: flask.Request) -> dict[str, str]:
    """Return the condition keys of a request; one that is not there has no value, as in AWS.

    Every caller is of the one account that this cloud has, and none is a service of AWS.
    """
    known = {
        "aws:SecureTransport": str(request.is_secure).lower(),
        "aws:PrincipalAccount": os.environ.get("MOTO_ACCOUNT_ID", DEFAULT_ACCOUNT_ID),
        "aws:PrincipalIsAWSService": "false",
    }
    if request.is_secure:
        known["s3:TlsVersion"] = request.environ["werkzeug.socket"].version().removeprefix("TLSv")
    return known


def holds(condition: Mapping[str, Mapping[str, Any]], known: Mapping[str, str]) -> bool:
    """Return whether every operator of a condition holds.

    Args:
        condition: the Condition of a statement: operator -> key -> value or values, any of which will do.
        known: the condition keys of the request.

    Raises:
        ValueError: an operator that is not known here; to guess would be to allow or to deny by chance.
    """
    return all(
        _operator_holds(operator, key, expected, known)
        for operator, keys in condition.items()
        for key, expected in keys.items()
    )


def _operator_holds(operator: str, key: str, expected: Any, known: Mapping[str, str]) -> bool:
    name = operator.removesuffix(_IF_EXISTS)
    if name not in _OPERATORS:
        raise ValueError(f"Condition.{operator}: is not known to the lab; allowed: {', '.join(_OPERATORS)}")
    if key not in known:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
        return operator.endswith(_IF_EXISTS) or name == _NEGATED
    values = [str(each) for each in (expected if isinstance(expected, list) else [expected])]
    compared = [_OPERATORS[name](known[key], value) for value in values]
    return all(compared) if name == _NEGATED else any(compared)


def _permission(bucket: Any, action: str, resource: str) -> Any:
    """Return what a bucket's policy says of an action, judged by the statements whose condition holds."""
    document = {"Statement": []} if bucket.policy is None else json.loads(bucket.policy)
    known = facts(flask.request)
    applying = [
        {key: value for key, value in statement.items() if key != "Condition"}
        for statement in document["Statement"]
        if holds(statement.get("Condition", {}), known)
    ]
    return IAMPolicy(json.dumps({**document, "Statement": applying})).is_action_permitted(action, resource)


def main(
    http: Annotated[int, typer.Option(help="Port for plaintext.")],
    https: Annotated[int, typer.Option(help="Port for TLS.")],
    pki: Annotated[Path, typer.Option(help="Folder of the instance's certificates.")],
) -> None:
    """Serve both ports until the process is ended."""
    certificates = Pki(pki)
    certificates.ensure()
    FakeBucket.get_permission = _permission  # type: ignore[method-assign,assignment] # moto has no hook for it
    app = DomainDispatcherApplication(create_backend_app)
    certificate, key = certificates.server
    pair = (str(certificate), str(key))
    plain = make_server(_HOST, http, app, threaded=True, request_handler=MotoRequestHandler)
    secure = make_server(_HOST, https, app, threaded=True, request_handler=MotoRequestHandler, ssl_context=pair)
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    plain.serve_forever()


if __name__ == "__main__":
    typer.run(main)
