"""The tables that judges are tried on: real rides and real people, and rows of them drawn with a seed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

DATA = Path(__file__).parents[2] / "notebooks" / "data"


def rides() -> pd.DataFrame:
    """Return the taxi rides, with times as times and a name for each row."""
    frame = pd.read_csv(DATA / "taxis.csv", parse_dates=["pickup", "dropoff"])
    return frame.assign(ride=[f"r{number}" for number in range(len(frame))])


def people() -> pd.DataFrame:
    """Return the people of the census."""
    return pd.read_csv(DATA / "adult-income.csv")


def halves(frame: pd.DataFrame, seed: int, rows: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two samples without a row in common, of that many rows each."""
    drawn = frame.sample(frac=1.0, random_state=seed)
    size = len(frame) // 2 if rows is None else rows
    return drawn.iloc[:size], drawn.iloc[size : 2 * size]
