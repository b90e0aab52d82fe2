"""Credentials are found by their shape or their name, in ConfigMaps and in literals of workloads; references pass."""

from __future__ import annotations

import base64
import time

import pytest

from automation.paths import MASK, UNKNOWN
from automation.policies.credentials import PLAIN, SHAPES
from automation.recorder import Planned
from tests.automation.plans import CONFIG_MAP, broken, collector, config_map, monitor, planned, workload

EXAMPLES = {
    "an AWS access key": "id ASIA" + "B" * 16,
    "a private key": "-----BEGIN EC PRIVATE " + "KEY-----",
    "a Slack webhook": "https://hooks.slack.com/services/x",
    "a Slack token": "xoxb-" + "1" * 12,
    "a JSON web token": "eyJ" + "a" * 12 + ".eyJ" + "b" * 12 + ".c",
    "a GitHub token": "ghs_" + "A" * 36,
    "a Grafana token": "glsa_" + "A" * 20,
    "a URL with a password": "https://user:" + "x@example.com",
    PLAIN: "  GF_PASSWD=" + "c" * 8,
}
VALUE = "c4naryvalue1"


def found(*resources: Planned) -> list[str]:
    messages = broken("no-credential-in-configmap", *resources)
    assert "c4nary" not in str(messages)
    return messages


def test_every_shape_of_a_credential_is_known() -> None:
    assert set(EXAMPLES) == {*SHAPES, PLAIN}
    for shape, text in EXAMPLES.items():
        sentence = f"holds what looks like {shape} (hidden); fix: mount it from a Secret"
        assert found(config_map(a=f"x: 1\n{text}\n")) == [f"data['a'] {sentence}"]
        encoded = base64.b64encode(f"\0{text}".encode()).decode()
        assert found(planned(CONFIG_MAP, {"binaryData": {"a": encoded}})) == [f"binaryData['a'] {sentence}"]


@pytest.mark.parametrize(
    "text",
    [
        '{"auth":{"password":"c4naryvalue1"}}',
        r'"{\"password\":\"c4naryvalue1\"}"',
        "auth: {user: x, password: c4naryvalue1}",
        "list:\n  - password: c4naryvalue1",
        "export PASSWORD=c4naryvalue1",
        "main --password=c4naryvalue1",
        "password: |\n  c4naryvalue1",
        "password: >-\n  c4naryvalue1",
        'passphrase = "c4naryvalue1"',
        *(
            f"{key}: {VALUE}"
            for key in (
                "client_secret",
                "secretKey",
                "secret_key",
                "apiKey",
                "api-key",
                "secret_access_key",
                "aws_secret_access_key",
                "bearer_token",
                "token",
                "bot_token",
                "accessToken",
                "credentials",
            )
        ),
        "routing_key: " + "0c4nary9" * 4,
        "Authorization: Basic c4naryvalue1",
        '"authorization": "Bearer c4naryvalue1"',
        "url: postgres://user:p$w0rd@example",
        "url: redis://:c4naryvalue1@example",
        "url: https://${USER}:c4naryvalue1@example",
    ],
)
@pytest.mark.parametrize("lines", ["", "\nx: 1\n"], ids=["one line", "lines"])
def test_a_credential_is_found_in_each_notation(text: str, lines: str) -> None:
    assert len(found(config_map(a=f"{text}{lines}"))) == 1


@pytest.mark.parametrize("key", ["password", "admin-password", "apiKey", "TOKEN"])
def test_the_name_of_a_value_says_what_it_is(key: str) -> None:
    assert found(config_map(**{key: VALUE})) == [
        f"data[{key!r}] holds what looks like {PLAIN} (hidden); fix: mount it from a Secret"
    ]
    assert found(config_map(**{key: "/etc/secret/value"})) == []


@pytest.mark.parametrize(
    "text",
    [
        "password: ${PASSWORD}",
        "password_file: c4naryvalue1",
        'password: ""',
        "password:\n  from_secret: value",
        "token_url: c4naryvalue1",
        "password: /etc/secret/pw",
        "api_key: file:/etc/x",
        "basic_auth_password: env:PASSWORD",
        "client_secret = $__file{/etc/secrets/grafana-oidc/client-secret}",
        'password = sys.env("PASSWORD")',
        "password: ********",
        "password: <secret>",
        "routing_key: traceID",
        "secretKeyRef: {name: grafana, key: c4naryvalue1}",
        "authorization: {type: Bearer}",
        "Authorization: Bearer ${TOKEN}",
        "url: https://${USER}:${PASSWORD}@example.com",
        "url: https://user:$PASSWORD@example.com",
        "url: https://user:***@example.com",
        "urls: http://one.example:9090,http://two.example:9090/a@b",
        f"password: {UNKNOWN}",
    ],
)
def test_a_reference_is_no_credential(text: str) -> None:
    assert found(config_map(**{"a.yaml": text}), config_map(**{"a.yaml": f"{text}\nx: 1\n"})) == []


def test_what_is_not_base64_is_said() -> None:
    (message,) = found(planned(CONFIG_MAP, {"binaryData": {"a": "not base64"}}))
    assert message.startswith("cannot be read at binaryData; ")
    assert found(planned(CONFIG_MAP, {"binaryData": {"a": UNKNOWN}})) == []


@pytest.mark.parametrize(
    ("container", "where"),
    [
        ({"env": [{"name": "GF_SECURITY_ADMIN_PASSWORD", "value": VALUE}]}, "env GF_SECURITY_ADMIN_PASSWORD"),
        ({"args": ["--db.password=c4naryvalue1"]}, "args"),
        ({"command": ["sh", "-c", "export API_KEY=c4naryvalue1\nmain"]}, "command"),
    ],
)
def test_a_literal_of_a_container_is_looked_at(container: dict[str, object], where: str) -> None:
    sentence = f"holds what looks like {PLAIN} (hidden); fix: take it from a Secret"
    assert found(workload(**container)) == [f"{where} of container main {sentence}"]
    assert found(collector(additionalContainers=[{"name": "side", **container}])) == [
        f"{where} of container side {sentence}"
    ]
    assert found(monitor(containers=[{"name": "prometheus", **container}])) == [
        f"{where} of container prometheus {sentence}"
    ]


@pytest.mark.parametrize(
    "config",
    ["exporters:\n  otlp:\n    headers:\n      api-key: c4naryvalue1\n", {"exporters": {"otlp": {"api_key": VALUE}}}],
)
def test_a_collector_s_configuration_is_looked_at(config: object) -> None:
    assert found(collector(config=config)) == [
        f"spec.config holds what looks like {PLAIN} (hidden); fix: take it from an environment variable"
    ]


def test_a_secret_of_the_stack_is_no_secret_in_plain_sight() -> None:
    assert found(
        config_map(a=MASK), workload(env=[{"name": "A", "value": MASK}]), collector(config={"exporters": {"x": MASK}})
    ) == [
        "data['a'] holds a secret of the stack; fix: mount it from a Secret",
        "env A of container main holds a secret of the stack; fix: take it from a Secret",
        "spec.config holds a secret of the stack; fix: take it from an environment variable",
    ]


def test_many_large_texts_take_little_time() -> None:
    # 115 ConfigMaps of dashboards, 28 KB each: 0.03 s of a core; with every pattern tried at every place, 3 s.
    line = '{"expr": "sum by (tenant) (rate(loki_distributor_bytes_received_total{job=~\\"$job\\"}[5m]))"},\n'
    plan = [config_map(**{"a.json": line * 300}) for _ in range(115)]
    start = time.process_time()
    assert found(*plan) == []
    assert time.process_time() - start < 0.5
