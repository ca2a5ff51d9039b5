"""Routes: recipes, their check and their plan, the schemas for completion."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath

from acquire.config import check_text, json_schemas
from acquire.service import recipes
from acquire.service.access import Operator, Viewer
from acquire.service.answers import (
    Checked,
    CheckWish,
    Plan,
    PlanWish,
    ProblemTold,
    RecipeListed,
    Recipes,
    RecipeText,
    RecipeWish,
    RecipeWritten,
)
from acquire.service.errors import RequestRefused, not_found
from acquire.service.settings import Settings
from acquire.service.shared import Here
from acquire.service.starting import Wish, planned
from acquire.service.tokens import Role

router = APIRouter(tags=["recipes"])
RecipeName = Annotated[str, InPath(max_length=400)]


@router.get("/recipes")
def list_recipes(_: Viewer, here: Here) -> Recipes:
    """All recipes: sweeps, batches, benches and what they refer to."""
    return Recipes(recipes=[RecipeListed(**asdict(one)) for one in recipes.listed(here.settings.recipes)])


@router.get("/recipes/{name:path}")
def read_recipe(name: RecipeName, _: Viewer, here: Here) -> RecipeText:
    """The text of a recipe."""
    path = recipes.recipe_in(here.settings.recipes, name)
    text = recipes.text_of(path)
    kind = next((one.kind for one in recipes.listed(here.settings.recipes) if one.name == name), "other")
    given = recipes.given_in(path, text)
    return RecipeText(name=name, kind=kind, yaml=text, version=recipes.version_of(text), given=given)


@router.put("/recipes/{name:path}")
def write_recipe(name: RecipeName, wish: RecipeWish, _: Operator, here: Here) -> RecipeWritten:
    """Write a recipe that is right."""
    return RecipeWritten(name=name, version=recipes.write(here.settings.recipes, name, wish.yaml, wish.version))


@router.post("/check")
def check(wish: CheckWish, _: Operator, here: Here) -> Checked:
    """Everything that is wrong with a text, at once, with the lines."""
    path = recipes.path_in(here.settings.recipes, wish.name or "sweeps/unnamed.yaml")
    found = check_text(path, wish.yaml)
    problems = [ProblemTold(**recipes.problem_answer(one).model_dump()) for one in found.problems]
    cautions = [ProblemTold(**recipes.problem_answer(one).model_dump()) for one in found.cautions]
    return Checked(right=not problems, kind=found.kind, problems=problems, cautions=cautions)


@router.post("/plan")
def plan(wish: PlanWish, login: Viewer, here: Here) -> Plan:
    """What a run would do, as ``acquire plan`` says it; nothing is opened.

    :raises RequestRefused: no recipe is named, it is wrong, or a viewer sends a text.
    """
    fields = {name: getattr(wish, name) or None for name in Wish.__dataclass_fields__ if name != "recipe"}
    if wish.yaml is not None:
        if login.role is not Role.OPERATOR:
            raise RequestRefused(403, "viewers plan what is saved", "ask an operator, or log in as one")
        with _saved(here.settings, wish.name or "sweeps/unnamed.yaml", wish.yaml) as name:
            return Plan.model_validate(planned(Wish(recipe=name, **fields), here.settings))
    if not wish.recipe:
        raise RequestRefused(422, "no recipe is named", "choose one", where="recipe")
    return Plan.model_validate(planned(Wish(recipe=wish.recipe, **fields), here.settings))


@contextmanager
def _saved(settings: Settings, name: str, text: str) -> Iterator[str]:
    """The name of a text beside where it would stand, for as long as it is planned.

    :raises RequestRefused: it cannot be written.
    """
    path = recipes.path_in(settings.recipes, name)
    beside: Path = path.with_name(f"unsaved-{secrets.token_hex(6)}.yaml")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise RequestRefused(409, f"{name} cannot be planned unsaved ({error.strerror or error})") from error
    try:
        yield beside.relative_to(settings.recipes).as_posix()
    finally:
        beside.unlink(missing_ok=True)


@router.get("/schema/{kind}")
def schema(kind: Annotated[str, InPath(max_length=40)], _: Viewer) -> dict[str, Any]:
    """The JSON Schema of a kind of file."""
    found = json_schemas()
    if kind not in found:
        raise not_found(f"there are no files of the kind {kind}", f"one of {', '.join(found)}", "kind")
    return found[kind]
