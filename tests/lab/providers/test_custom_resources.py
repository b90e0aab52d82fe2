"""A custom resource and its definition, made by one program."""

import pulumi
import pulumi_kubernetes as kubernetes

from tests.lab.providers.conftest import Engine, Region
from tests.lab.providers.programs import live, paths, provider, steps


def test_a_custom_resource_waits_for_its_definition_in_the_same_run(engine: Engine, region: Region) -> None:
    def program(size: int = 1) -> None:
        opts = provider(region)
        definition = kubernetes.apiextensions.v1.CustomResourceDefinition(
            "definition",
            metadata={"name": "widgets.lab.example.org"},
            spec={
                "group": "lab.example.org",
                "scope": "Namespaced",
                "names": {"plural": "widgets", "kind": "Widget"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {
                            "open_apiv3_schema": {
                                "type": "object",
                                "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                            }
                        },
                    }
                ],
            },
            opts=opts,
        )
        kubernetes.apiextensions.CustomResource(
            "widget",
            api_version="lab.example.org/v1",
            kind="Widget",
            metadata={"name": "one", "namespace": "default"},
            spec={"size": size},
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[definition])),
        )

    engine.program(program)
    assert steps(engine.preview())["widget"] == "create"
    engine.up()
    found = live(region, "Widget", "one", "default", "lab.example.org/v1")
    assert found is not None
    assert found["spec"] == {"size": 1}
    assert engine.preview() == []
    engine.program(lambda: program(2))
    assert paths(engine.preview(), "widget") == {"spec.size": "update"}
    engine.up()
