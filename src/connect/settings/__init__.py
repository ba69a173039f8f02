"""One frozen dataclass per kind of choice under ``config/``: the keys its files may hold, with units and ranges."""
