"""What a bucket does with its objects over time, and how it is tagged."""

from __future__ import annotations

from components.values.context import Context
from settings import names
from settings.vocabulary import Pillar

ABORT_UPLOADS_DAYS = 1
"""Parts of an upload that its writer gave up are invisible, and billed until they are aborted."""
NONCURRENT_DAYS = 1
"""How long a deleted object stays readable where somebody has turned versioning on by hand."""
VERSIONING = "Disabled"
"""No bucket is versioned.

Blocks and chunks are written once and never changed, so a version protects nothing; and compactors delete all day,
so versions would keep (and bill) what is past its retention, which for logs is also a broken promise. `Suspended`
would be worse than never: each deletion then leaves a delete marker behind.
"""


def expiration_days(context: Context, pillar: Pillar) -> int:
    """Return after how many days S3 removes an object: the retention plus the margin.

    Compactors enforce retention; this removes what they have missed. A block is never older than its data, so
    nothing that is still to be kept can be hit, and no tenant keeps anything longer than the platform does.
    """
    retention = context.platform.retention
    kept = {Pillar.METRICS: retention.metrics, Pillar.LOGS: retention.logs, Pillar.TRACES: retention.traces}
    return kept[pillar].days + retention.margin.days


def tags(context: Context, purpose: str) -> dict[str, str]:
    """Return the tags of a thing in AWS, for cost reports; the provider adds the owning stack.

    Args:
        context: the region.
        purpose: what it is for, a pillar or `secrets`.
    """
    return {
        "environment": str(context.environment),
        "part-of": names.PROJECT,
        "purpose": purpose,
        "region": context.name,
    }
