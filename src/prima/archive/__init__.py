"""A health system's archive: instances on disk, a Parquet catalogue, a cohort and its split."""
