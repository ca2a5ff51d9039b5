"""What the service takes and gives, as models: the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Line = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f]+$")]
Yaml = Annotated[str, StringConstraints(max_length=1 << 20)]
RunId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{4,80}$")]
Number = float | None
Figures = dict[str, dict[str, Any]]


class Taken(BaseModel):
    """What is sent: nothing that is not known."""

    model_config = ConfigDict(extra="forbid")


# --- logins ----------------------------------------------------------------------------------------------------


class LoginWish(Taken):
    """A token."""

    token: Annotated[str, StringConstraints(max_length=200)]


class Me(BaseModel):
    """Who is logged in, and what requests that change something carry in X-CSRF-Token."""

    role: Literal["operator", "viewer"]
    name: str
    csrf: str


# --- state -----------------------------------------------------------------------------------------------------


class Question(BaseModel):
    """What a run asks of a person."""

    id: str
    text: str
    choices: list[str]


class RunNow(BaseModel):
    """A run that goes on; ``address`` names it in requests, also before it has a run file.

    ``foreign``: its file lies in another folder than those of this service, whose history is not going to have it.
    """

    run_id: str
    address: str
    title: str
    sample: str
    pixel: str
    user: str
    start_time: str
    phase: str
    doing: str
    output: str
    output_asked: str | None
    points: int
    planned_points: int | None
    seconds_left: Number
    instruments: dict[str, str]
    question: Question | None
    controllable: bool
    takes: list[str]
    source_unit: str
    kind: str
    manual: bool
    started_for: str
    finished: bool
    foreign: bool


class RunTold(RunNow):
    """A run with how it stands in its file."""

    status: str
    stop_reason: str
    end_time: str
    revision: Literal["recorded", "final"]
    rows: dict[str, int]
    columns: dict[str, dict[str, str]]
    wavelengths: list[int]


class BenchState(BaseModel):
    """Whether a run holds the bench, and who keeps it from being used."""

    held: bool
    lock: dict[str, Any] | None


class Status(BaseModel):
    """What goes on."""

    version: str
    service_started: str
    now: str
    bench: BenchState
    runs: list[RunNow]
    queue: dict[str, Any]
    last_output: dict[str, Any] | None


class Health(BaseModel):
    """Whether the service works."""

    status: Literal["ok", "degraded"]
    version: str
    runs: int
    problems: list[str]


# --- recipes ---------------------------------------------------------------------------------------------------


class RecipeListed(BaseModel):
    """A recipe in the list."""

    name: str
    kind: str
    title: str
    modified: str


class Recipes(BaseModel):
    """All recipes."""

    recipes: list[RecipeListed]


class RecipeText(BaseModel):
    """A recipe, and what it says of the sample."""

    name: str
    kind: str
    yaml: str
    version: str
    given: dict[str, str | None]


class RecipeWish(Taken):
    """A recipe to be written; ``version`` as it was read, null for a new one."""

    yaml: Yaml
    version: Line | None = None


class RecipeWritten(BaseModel):
    """A recipe that was written."""

    name: str
    version: str


class CheckWish(Taken):
    """A text to be checked, as if it stood at ``name``."""

    yaml: Yaml
    name: Line | None = None


class ProblemTold(BaseModel):
    """One thing that is wrong, or to be known."""

    where: str
    line: int | None
    message: str
    hint: str


class Checked(BaseModel):
    """What is to be said of a text."""

    right: bool
    kind: str
    problems: list[ProblemTold]
    cautions: list[ProblemTold]


class RunWish(Taken):
    """A recipe, and what is said in place of what stands in it; null says nothing."""

    recipe: Line | None = None
    bench: Line | None = None
    sample: Line | None = None
    pixel: Line | None = None
    area: Line | None = None
    user: Line | None = None
    batch: Line | None = None
    note: Line | None = None
    manual: bool = False
    level: Line | None = None
    limit: Line | None = None


class PlanWish(RunWish):
    """The same to be planned; ``yaml``: a text that is not saved yet, as if it stood at ``name``."""

    yaml: Yaml | None = None
    name: Line | None = None


class Plan(BaseModel):
    """What a run is going to do: as ``acquire plan`` says it; limits in V, A, W."""

    text: str
    kind: str
    seconds: Number
    points: int | None
    spectra: int | None
    limits: dict[str, Number]
    cautions: list[str]


# --- runs ------------------------------------------------------------------------------------------------------


class Started(BaseModel):
    """A run that was started; ``run_id`` null where it takes long to begin."""

    start_id: str
    run_id: str | None


class Nothing(Taken):
    """Nothing more is to be said."""


class Level(Taken):
    """A level to be set by hand, with its unit."""

    level: Name


class AnswerWish(Taken):
    """What a person answers to the question of a run."""

    question: Line = ""
    answer: Name


class Done(BaseModel):
    """What came of a request."""

    accepted: bool
    message: str
    phase: str
    output: str
    output_asked: str | None


class Columns(BaseModel):
    """Columns of a table; thinned where there are more rows than asked for, so that no extreme is lost."""

    run_id: str
    table: str
    rows: int
    from_: int = Field(alias="from")
    to: int
    thinned: bool
    revision: Literal["recorded", "final"]
    row: list[int]
    columns: dict[str, list[Number | str]]
    units: dict[str, str]


class FiguresTold(BaseModel):
    """Figures of merit, findings and notes of a run."""

    run_id: str
    revision: Literal["recorded", "final"]
    figures: Figures
    findings: list[dict[str, Any]]
    notes: list[dict[str, Any]]


# --- history ---------------------------------------------------------------------------------------------------


class HistoryRow(BaseModel):
    """A run in the list of all."""

    model_config = ConfigDict(extra="ignore")

    run_id: str
    title: str
    sample: str
    pixel: str
    batch: str
    group: str
    user: str
    start_time: str
    end_time: str
    status: str
    state: str
    stop_reason: str
    points: int
    spectra: int
    source_unit: str
    emissive_area: Number
    figures: Figures
    findings: dict[str, list[str]]
    gravest: str | None
    tags: list[str]
    comments: list[str]
    finished: bool
    file: str


class History(BaseModel):
    """The runs that fit, and how many there are in all."""

    total: int
    runs: list[HistoryRow]


class HistoryOne(HistoryRow):
    """A run with how it was done."""

    facts: list[tuple[str, str]]


class Compared(BaseModel):
    """One figure of several runs, None for a run without it."""

    name: str
    title: str
    quantity: str
    unit: str
    values: list[dict[str, Any] | None]


class Comparison(BaseModel):
    """Several runs beside each other."""

    runs: list[HistoryRow]
    figures: list[Compared]


class TagWish(Taken):
    """What is said of a run that is over."""

    tags: Annotated[list[Name], Field(max_length=20)] = []
    comment: Line | None = None
    user: Line | None = None
