"""Measures of the person beside the scans: questionnaires, hormones, the heart."""
