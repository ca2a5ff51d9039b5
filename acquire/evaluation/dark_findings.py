"""Whether the dark readings were dark. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from acquire.evaluation.budget import photodiode_step
from acquire.evaluation.known import Known
from acquire.evaluation.touched import luminous
from acquire.records import Finding, Severity

#: How many times as much one group of two, three ... readings scatters as another one but once in a thousand pairs: the
#: root of the quantile of the F distribution with n - 1 and n - 1 degrees of freedom at 0.1 %; the last for more.
RARE_RATIOS = (636.6, 31.6, 11.88, 7.31, 5.45, 4.48)


def unsteady_dark(known: Known) -> Iterator[Finding]:
    """Ask whether the dark readings before and after the sweep scatter alike.

    A reading with light in it, or an old reply, raises the level and the noise that all light is held against.
    """
    evidence = known.evidence
    before, after = evidence.dark_before, evidence.dark_after
    if before is None or after is None or min(before.readings, after.readings) < 2:
        return
    quiet, loud = sorted((before, after), key=lambda level: level.deviation)
    conditions = evidence.calibration.conditions
    rare = RARE_RATIOS[min(before.readings, after.readings, len(RARE_RATIOS) + 1) - 2]
    limit = rare * max(quiet.deviation, photodiode_step(conditions))
    if not loud.deviation > limit:
        return
    unit = conditions.meter_unit
    name, other = ("after", "before") if loud is after else ("before", "after")
    yield Finding(
        known.time,
        "dark_unsteady",
        Severity.DOUBTFUL,
        f"the dark readings {name} the sweep scatter by {loud.deviation:.3g} {unit}, those {other} it by "
        f"{quiet.deviation:.3g} {unit}: not all of them were dark, and light that is weaker than three times that "
        "scatter counts as none",
        luminous(known.figures),
        "Look at /entry/dark and for light that came in; cover the bench, take more dark readings, sweep again",
        loud.deviation,
        limit,
    )
