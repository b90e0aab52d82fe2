"""The generated part of docs/alerting.md: the tree of one region of the shipped settings, as it is."""

from __future__ import annotations

from pathlib import Path

from components.values.alert_routing import alertmanager_config
from components.values.alerting import picture
from components.values.context import Context
from settings import load

STACK = "prod.eu-west"
"""The region that is shown: it has a support channel and a DBA team."""
FILE = Path("docs/alerting.md")
BEGIN = "<!-- tree: written by `python -m components.values.alerting docs`, do not edit -->\n"
END = "<!-- end of tree -->\n"


def page(root: Path = load.ROOT) -> str:
    """Return docs/alerting.md with the tree as it should be.

    Raises:
        ValueError: the page lacks the two marks that the tree stands between.
    """
    before, _, rest = (root / FILE).read_text(encoding="utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{FILE} lacks the marks {BEGIN.strip()!r} and {END.strip()!r}")
    tree = alertmanager_config(Context(*load.from_file(STACK, root)))
    shown = f"\nThe tree of `{STACK}`:\n\n```mermaid\n{picture.mermaid(tree)}```\n\n{picture.table(tree)}\n"
    return f"{before}{BEGIN}{shown}{END}{after}"
