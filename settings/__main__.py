"""`python -m settings`: print the JSON schema, write the documentation's table, check an environment."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from settings import documentation, load, schema
from settings.problem import SettingsError

app = typer.Typer(add_completion=False, no_args_is_help=False, help="Settings: schema, documentation, check.")


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Print the JSON schema of `Pulumi.<env>.yaml` when no command is given."""
    if context.invoked_subcommand is None:
        print(schema.text(), end="")


@app.command(name="schema")
def print_schema() -> None:
    """Print the JSON schema of `Pulumi.<env>.yaml`."""
    print(schema.text(), end="")


@app.command()
def docs() -> None:
    """Write the table of fields in docs/configuration.md."""
    text = documentation.page()
    (load.ROOT / documentation.FILE).write_text(text, encoding="utf-8")
    print(f"{documentation.FILE}: {documentation.table().count(chr(10)) - 2} fields. Next: review the change.")


@app.command()
def check(
    environment: Annotated[str, typer.Argument(help="dev, staging or prod")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check an environment's file; exit code 1 when it is refused."""
    try:
        platform = load.environment_from_file(environment)
    except SettingsError as error:
        problems = [vars(problem) for problem in error.problems]
        print(json.dumps({"accepted": False, "problems": problems}) if as_json else error, file=sys.stdout)
        raise typer.Exit(1) from None
    regions, tenants = sorted(platform.regions), sorted(platform.tenants)
    if as_json:
        print(json.dumps({"accepted": True, "regions": regions, "tenants": tenants}))
    else:
        name = load.config_file(environment).name
        print(f"{name}: accepted. Regions: {', '.join(regions)}. Tenants: {', '.join(tenants)}.")
        print(f"Next: make preview ENV={environment} REGION={regions[0]}")


if __name__ == "__main__":
    app()
