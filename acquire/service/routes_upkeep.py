"""Routes: the bench checked and calibrated from the page, and what came of it."""

from __future__ import annotations

from fastapi import APIRouter

from acquire.service.access import Operator, Viewer
from acquire.service.answers import RunWish, Started
from acquire.service.routes_runs import Key, wish_of
from acquire.service.shared import Here
from acquire.service.upkeep import UpkeepTold, benches, jobs

router = APIRouter(tags=["upkeep"])


@router.post("/health-check", status_code=202)
def health_check(wish: RunWish, _: Operator, here: Here, idempotency_key: Key = None) -> Started:
    """Check the bench; without a recipe by the one that is shipped. The same key never starts two."""
    here.refuse_beside_queue()
    wanted = wish_of(wish, wish.recipe or "sweeps/health.yaml")
    return here.starter.start_upkeep("health", wanted, idempotency_key)


@router.post("/calibrate", status_code=202)
def calibrate(wish: RunWish, _: Operator, here: Here, idempotency_key: Key = None) -> Started:
    """Carry out the run that a calibration is made of; without a recipe the one that is shipped."""
    here.refuse_beside_queue()
    wanted = wish_of(wish, wish.recipe or "sweeps/calibrate_photodiode.yaml")
    return here.starter.start_upkeep("calibrate", wanted, idempotency_key)


@router.get("/upkeep")
def upkeep(_: Viewer, here: Here) -> UpkeepTold:
    """What came of the checks and calibrations that were started here, and what all checks of a bench say."""
    return UpkeepTold(
        jobs=jobs(here.settings.data / "logs", here.starter.alive()), benches=benches(here.settings.recipes)
    )
