"""Measures of the person: read, scored and brought to one unit."""
