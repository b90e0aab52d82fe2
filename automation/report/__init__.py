"""What previews of several regions come to: equal changes once, risks first; pure."""

from automation.report.model import Group, Preview, Report, Risk, make

__all__ = ["Group", "Preview", "Report", "Risk", "make"]
