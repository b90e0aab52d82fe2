"""Prove that a region takes signals in and gives them back: a canary trace, log and metric per tenant."""

from automation.verify.checks import Check, run
from automation.verify.endpoints import Endpoints

__all__ = ["Check", "Endpoints", "run"]
