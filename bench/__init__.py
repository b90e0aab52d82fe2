"""Measured ratios: what a preview costs against the same work without Pulumi, and against the engine's own floor."""
