"""Whether a pipeline computes what its notebook computes: both are run and compared."""
