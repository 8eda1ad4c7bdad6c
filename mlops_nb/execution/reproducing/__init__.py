"""A past run is run again from its snapshot and compared."""
