"""What stands between a notebook and its use elsewhere: its tests, under pytest, and its functions for unit tests."""
