"""Connectivity between emotion and cognition networks, and what an intervention changed in it."""

__version__ = "0.1.0"

STAGES = (
    *("fetch", "parcellate", "denoise", "screen", "estimate"),
    *("assess", "compare", "relate", "challenge", "draw", "report"),
)
"""The stages of the workflow in the order in which they run: the one list of them."""

COMMANDS = (
    *("init", "index", "gather", "phenotypes", "compose", "verify", "calibrate", "export", "doctor"),
    *("simulate", "completion", "reference"),
)
"""Commands of the command line that are no stage."""
