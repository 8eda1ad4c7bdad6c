"""A model behind an API as a person writes it by hand, with FastAPI: `bare_service.py MODEL.joblib PORT`."""

from __future__ import annotations

import sys

import joblib
import pandas as pd
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load(sys.argv[1])


class Row(BaseModel):
    """What the model takes."""

    distance: float
    fare: float


@app.get("/ready")
def ready() -> bool:
    """Tell that the service answers."""
    return True


@app.post("/predict")
def predict(rows: list[Row]) -> list[float]:
    """Predict rows; in a thread of the framework's, as its routes that do not await are."""
    found: list[float] = model.predict(pd.DataFrame([row.model_dump() for row in rows])).tolist()
    return found


uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
