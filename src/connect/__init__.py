"""Connectivity between emotion and cognition networks, and what an intervention changed in it."""

__version__ = "0.1.0"

STAGES = (
    *("fetch", "parcellate", "denoise", "screen", "estimate"),
    *("assess", "compare", "relate", "challenge", "draw", "report"),
)
"""The stages of the workflow in the order in which they run: the one list of them."""

COMMANDS = ("index", "gather", "phenotypes", "compose", "verify", "calibrate", "export", "simulate", "reference")
"""Commands of the command line that are no stage."""
