"""The uncertainty budgets of a run's figures, as ``acquire show --budget`` tells them: one as a table, all in lines."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, Any

from acquire.cli.arguments import FAILED, USAGE
from acquire.cli.display import figure_called, number
from acquire.cli.terminal import complain, say, say_json
from acquire.evaluation.final import final_evaluation
from acquire.photometry.terms import Term, effective_degrees_of_freedom
from acquire.safety.visible import one_line

if TYPE_CHECKING:
    from acquire.evaluation.figure import Figure
    from acquire.evaluation.figure_uncertainty import FigureBudget
    from acquire.run_file.read import Run

_HEADINGS = ("term", "u (k = 1)", "distribution", "dof", "sensitivity", "contribution", "part")
_MANY = 1000  # degrees of freedom that are as good as any number


def print_budgets(run: Run, wanted: str | None, as_json: bool) -> None:
    """Say where the uncertainty of the ``wanted`` figure comes from; of every figure how large it is, for None.

    :raises typer.Exit: no budget is known for it.
    """
    final = final_evaluation(run.dark, run.spectra, run.calibration)
    points = final.points(run.tables["jvl"])
    figures = final.figures(points)
    budgets = final.budgets(points, figures)
    if not budgets:
        raise complain(f"{run.path}: no figure of merit has a value of which the uncertainty is known", FAILED)
    if wanted is not None:
        wanted = figure_called(wanted)
    if wanted is not None and wanted not in budgets:
        raise complain(_no_budget(wanted, figures, budgets), USAGE)
    chosen = budgets if wanted is None else {wanted: budgets[wanted]}
    if as_json:
        say_json({"budgets": {name: plain(figures[name], budget) for name, budget in chosen.items()}})
    elif wanted is None:
        how = f"the terms of one: acquire show {run.path.name} --budget FIGURE"
        say(sys.stdout, *_overview(figures, budgets, run.figures), how)
    else:
        judged = run.figures.get(wanted, figures[wanted])
        say(sys.stdout, *_table(wanted, figures[wanted], budgets[wanted]), *_spoken_against(judged))


def _no_budget(wanted: str, figures: dict[str, Figure], budgets: dict[str, FigureBudget]) -> str:
    if wanted in figures:
        return f"{wanted}: has no budget ({figures[wanted].status})"
    close = get_close_matches(wanted, budgets, n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(close)}?" if close else "; 'acquire show RUN.h5 --budget' names them"
    return f"{one_line(wanted)}: there is no such figure with a budget{hint}"


def plain(figure: Figure, budget: FigureBudget) -> dict[str, Any]:
    """A budget as a JSON object: contributions relative, or in the unit of the figure where ``relative`` is false."""
    return {
        "value": figure.value,
        "unit": figure.unit,
        "relative": budget.relative,
        "uncertainty": _or_none(figure.uncertainty),
        "coverage_factor": _or_none(figure.coverage_factor),
        "expanded_uncertainty": _or_none(figure.expanded_uncertainty),
        "degrees_of_freedom": _or_none(effective_degrees_of_freedom(budget.terms)),
        "terms": [
            {
                "name": term.name,
                "uncertainty": _or_none(term.uncertainty),
                "unit": term.unit,
                "distribution": str(term.distribution),
                "degrees_of_freedom": _or_none(term.degrees_of_freedom),
                "sensitivity": _or_none(term.sensitivity),
                "contribution": _or_none(term.contribution),
                "part": str(term.part),
            }
            for term in budget.terms
        ],
    }


def _or_none(value: float) -> float | None:
    return value if isfinite(value) else None


def _spoken_against(figure: Figure) -> list[str]:
    """What the run says against the figure: a small uncertainty makes it no better."""
    if figure.status == "ok":
        return []
    return [f"{figure.status.upper()}{f': {one_line(figure.reason)}' if figure.reason else ''}"]


def _overview(figures: dict[str, Figure], budgets: dict[str, FigureBudget], judged: Mapping[str, Figure]) -> list[str]:
    rows = [("figure", "value", "u (k = 1)", "k", "U (95 %)", "status")]
    for name, budget in budgets.items():
        figure = figures[name]
        spread, expanded = (_amount(u, figure, budget) for u in (figure.uncertainty, figure.expanded_uncertainty))
        status = judged.get(name, figure).status
        rows.append((name, _value(figure.value, figure), spread, _fixed(figure.coverage_factor, 2), expanded, status))
    return _aligned(rows)


def _table(name: str, figure: Figure, budget: FigureBudget) -> list[str]:
    freedom = effective_degrees_of_freedom(budget.terms)
    degrees = f"; {freedom:.0f} effective degrees of freedom" if freedom < _MANY else ""
    in_order = sorted(budget.terms, key=lambda term: -abs(term.contribution))
    return [
        f"{name} = {_value(figure.value, figure)}",
        *_aligned([_HEADINGS, *(_cells(term, figure, budget) for term in in_order)]),
        f"standard uncertainty u (k = 1): {_amount(figure.uncertainty, figure, budget)}",
        f"coverage factor for 95 %, of these distributions together: k = {_fixed(figure.coverage_factor, 3)}{degrees}",
        f"expanded uncertainty U = k u: {_amount(figure.expanded_uncertainty, figure, budget)}",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of text, the first column to the left, the others to the right: whole even in a narrow window."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _cells(term: Term, figure: Figure, budget: FigureBudget) -> tuple[str, ...]:
    relative = term.unit == "1"
    return (
        term.name,
        f"{_fixed(100 * term.uncertainty)} %" if relative else f"{_fixed(term.uncertainty)} {term.unit}",
        str(term.distribution),
        f"{term.degrees_of_freedom:.0f}" if term.degrees_of_freedom < _MANY else "",
        _fixed(term.sensitivity) if relative else f"{_fixed(100 * term.sensitivity)} %/{term.unit}",
        _percent_or(term.contribution, figure, budget),
        str(term.part),
    )


def _fixed(value: float, decimals: int = 4) -> str:
    return f"{value:.{decimals}f}" if isfinite(value) else "-"


def _value(value: float, figure: Figure) -> str:
    return f"{number(value, 5)} {figure.unit.removeprefix('1')}".rstrip()


def _percent_or(contribution: float, figure: Figure, budget: FigureBudget) -> str:
    """A contribution in percent of the figure; in its unit, where the figure may be zero."""
    return f"{_fixed(100 * contribution)} %" if budget.relative else _value(contribution, figure)


def _amount(amount: float, figure: Figure, budget: FigureBudget) -> str:
    return _percent_or(amount / abs(figure.value) if budget.relative else amount, figure, budget)
