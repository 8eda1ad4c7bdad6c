"""A step of a past run as a live notebook with its inputs, and the way back of what was mended there."""
