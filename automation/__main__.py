"""Run the driver from a shell: python -m automation COMMAND."""

from __future__ import annotations

import sys

from automation import cli

if __name__ == "__main__":
    sys.exit(cli.run())
