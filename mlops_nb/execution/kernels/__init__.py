"""Kernels for steps: forked from a warm template where that can be, started anew otherwise."""
