"""Rules over the resources that an operation is going to leave behind; pure, for the driver and for a policy pack."""

from automation.policies.rules import PROTECTED, RULES, Violation, check

__all__ = ["PROTECTED", "RULES", "Violation", "check"]
