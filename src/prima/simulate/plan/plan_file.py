"""The plan as `plan.json`: every number and every injected effect, and back to the same plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from prima.errors import UsageError
from prima.simulate.people.effects import Bias, Drift, ReadingErrors, Turnaround
from prima.simulate.people.operations import Place
from prima.simulate.plan.plan import PLAN_VERSION, Plan

FORMAT = "openprima simulated health system"


def plan_to_json(plan: Plan) -> str:
    """The plan as text; equal plans give equal text."""
    table = {"format": FORMAT, **asdict(plan)}
    return json.dumps(table, indent=1, default=date.isoformat) + "\n"


def plan_from_json(text: str) -> Plan:
    """The plan that `plan_to_json` wrote.

    Raises:
        UsageError: the text is no plan, or one of another version of the simulator.

    Example:
        >>> from prima.simulate.plan.plan import make_plan
        >>> plan = make_plan(num_studies=10, seed=3)
        >>> plan_from_json(plan_to_json(plan)) == plan
        True
    """
    try:
        table = json.loads(text)
        if not isinstance(table, dict) or table.pop("format", None) != FORMAT:
            raise UsageError("plan.json: not a plan of a simulated health system")
        table.pop("making", None)  # how it was carried out, which is no part of the plan
        if table.get("version") != PLAN_VERSION:
            raise UsageError(f"plan.json: of version {table.get('version')!r}; this simulator makes {PLAN_VERSION}")
        return Plan(**{name: _value(name, value) for name, value in table.items()})
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"plan.json: damaged ({error})") from None


def read_plan(path: Path) -> Plan:
    """Read `plan.json`.

    Raises:
        UsageError: it cannot be read or is no plan of this version.
    """
    try:
        return plan_from_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name}: cannot be read ({type(error).__name__})") from None


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "start":
        return date.fromisoformat(value)
    if name == "places":
        return tuple(Place(**_tuples(row)) for row in value)
    if name == "drift":
        return Drift(**(value | {"on": date.fromisoformat(value["on"])}))
    kinds = {"turnaround": Turnaround, "reading": ReadingErrors, "bias": Bias}
    return kinds[name](**_tuples(value)) if name in kinds else _tuple(value)


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in row.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(part) for part in value) if isinstance(value, list) else value
