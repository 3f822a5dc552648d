"""FastAPI in front of the GrowthBook SDK's own client, deciding by the features document that DOCUMENT names."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException
from growthbook.common_types import FeatureResult, Options, UserContext
from growthbook.growthbook_client import GrowthBookClient
from pydantic import BaseModel

FEATURES = json.loads(Path(os.environ["DOCUMENT"]).read_bytes())["features"]
CLIENTS: dict[str, GrowthBookClient] = {}


class FeatureRequest(BaseModel):
    """Which feature, for whom."""

    feature_key: str
    user_attributes: dict[str, Any]


class EverythingRequest(BaseModel):
    """For whom."""

    user_attributes: dict[str, Any]


class FeatureAnswer(BaseModel):
    """What they get."""

    value: Any
    source: str
    on: bool
    off: bool
    ruleId: str | None
    experiment: dict[str, Any] | None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    client = GrowthBookClient(Options())
    await client.set_features(FEATURES)
    CLIENTS[os.environ["TOKEN"]] = client
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/evaluate_feature")
async def evaluate_feature(asked: FeatureRequest, client_token: Annotated[str, Header()]) -> FeatureAnswer:
    context = UserContext(attributes=asked.user_attributes)
    return answer_of(await client_of(client_token).eval_feature(asked.feature_key, context))


@app.post("/evaluate_all")
async def evaluate_all(asked: EverythingRequest, client_token: Annotated[str, Header()]) -> dict[str, FeatureAnswer]:
    client, context = client_of(client_token), UserContext(attributes=asked.user_attributes)
    return {key: answer_of(await client.eval_feature(key, context)) for key in FEATURES}


def client_of(token: str) -> GrowthBookClient:
    if client := CLIENTS.get(token):
        return client
    raise HTTPException(401, "Invalid client token")


def answer_of(result: FeatureResult[Any]) -> FeatureAnswer:
    experiment = {"key": result.experiment.key} if result.experiment else None
    return FeatureAnswer(
        value=result.value,
        source=result.source,
        on=result.on,
        off=result.off,
        ruleId=result.ruleId or None,
        experiment=experiment,
    )
