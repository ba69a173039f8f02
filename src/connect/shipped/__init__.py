"""What comes with the package beside its modules: the workflow, the choices and the profiles.

In a checkout they are links to its folders; in an installed package they are copies.
"""

from __future__ import annotations

from pathlib import Path

CONFIG, PROFILES = Path(__file__).with_name("config"), Path(__file__).with_name("profiles")
"""Folders of the choices and of the profiles."""

SNAKEFILE = str(Path(__file__).with_name("workflow") / "Snakefile")
"""The workflow, as the key `snakefile` of a module of Snakemake takes it."""
