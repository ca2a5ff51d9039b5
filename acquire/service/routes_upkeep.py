"""Routes: the bench checked and calibrated from the page, and what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import StringConstraints

from acquire.service.access import Operator, Viewer
from acquire.service.answers import Name, RunWish, Started, Taken
from acquire.service.errors import not_found
from acquire.service.routes_runs import Key, wish_of
from acquire.service.shared import Here
from acquire.service.upkeep import JobTold, UpkeepTold, benches, jobs
from acquire.service.upkeep_deeds import accept, use, uses

router = APIRouter(tags=["upkeep"])
StartId = Annotated[str, StringConstraints(pattern=r"^[a-z]+-[0-9a-f]{4,40}$")]


class UseWish(Taken):
    """The job that made the calibration, and who wants it used."""

    start_id: StartId
    person: Name


class AcceptWish(Taken):
    """A bench of the recipes, what changed, and who says so."""

    bench: Name
    reason: Name
    person: Name


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
    return _told(here)


def _told(here: Here) -> UpkeepTold:
    found = _jobs(here)
    for job in found:
        if job.calibration is not None:
            job.calibration.used = uses(here.settings.recipes, job)
    return UpkeepTold(jobs=found, benches=benches(here.settings.recipes))


def _jobs(here: Here) -> list[JobTold]:
    return jobs(here.settings.data / "logs", here.starter.alive())


@router.post("/upkeep/use")
def use_calibration(wish: UseWish, _: Operator, here: Here) -> UpkeepTold:
    """Let the bench use a calibration that was made here from now on.

    :raises RequestRefused: there is none, or its bench file cannot be changed so.
    """
    found = [job for job in _jobs(here) if job.start_id == wish.start_id]
    if not found:
        raise not_found("there is no such calibration", "look at what came of it again", "start_id")
    use(here.settings.recipes, found[0], wish.person)
    return _told(here)


@router.post("/upkeep/accept")
def accept_change(wish: AcceptWish, _: Operator, here: Here) -> UpkeepTold:
    """Record that a change of a bench is known: alarms end, and all its checks begin anew."""
    accept(here.settings.recipes, wish.bench, wish.reason, wish.person)
    return _told(here)
