"""Read a measure of the person: one value in one unit for each participant and session, or why there is none."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connect.config import read
from connect.entered import check_once, few, read_entered
from connect.errors import UnusableScan, UserError
from connect.phenotypes.limits import check_plausible, limit_words, treat_limits
from connect.phenotypes.numbers import numbers, unit_of
from connect.phenotypes.samples import expected, summarise
from connect.phenotypes.tables import Found, Who, files_of, read_cells, shown, who_of
from connect.phenotypes.units import check_conversion, check_unit, convert
from connect.settings.cohort import Cohort
from connect.settings.phenotype import Phenotype
from connect.settings.score import Score
from connect.tables import write_record, write_table

KEYS = ["participant_id", "session"]
