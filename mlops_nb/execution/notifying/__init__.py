"""Somebody is told how a run ended."""
