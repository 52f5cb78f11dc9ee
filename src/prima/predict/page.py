"""The report page of one study: one self-contained HTML file, no script, no outside resource.

All text is escaped by the template engine; the page's own policy (CSP) allows one style sheet, by its hash, and
pictures that lie in the page, so that even text that slipped through could run nothing.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from prima import __version__
from prima.predict.page_rows import familiarity_words, num_shown, priority_view, reason_words, rows_of
from prima.predict.pictures import Picture, SeriesPictures
from prima.study import Findings
from prima.study.findings import DEMONSTRATION

MODES = {
    "image": "Images only",
    "image+names": "Images, series names and study description",
    "image+names+indication": "Images, series names, study description, age, sex and indication",
}
STEPS = {"read": "Reading", "tokenize": "Cutting into tokens", "encode": "Encoding", "heads": "Heads", "total": "Total"}


def render_page(findings: Findings, pictures: Mapping[tuple[str, str | None], SeriesPictures]) -> str:
    """Render report.html.

    Args:
        findings: of any status; a study that is not done gets its reason and no number. What the user typed to name it
            (`input`) is not on the page: it may hold a person's name.
        pictures: of the used series, by series UID and part; a series without one says so.

    Returns:
        HTML5 text; the same findings give the same page.
    """
    style = files("prima.predict").joinpath("page.css").read_text("utf-8")
    diagnoses, referrals = rows_of(findings.diagnoses), rows_of(findings.referrals)
    used = [entry for entry in findings.series if entry.status == "used"]
    priority = findings.priority
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            findings=findings,
            style=Markup(style),  # noqa: S704 (our own file, nothing of the study)
            demonstrates=DEMONSTRATION in findings.notes,
            style_hash=b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            calibrated=any(finding.probability is not None for finding in findings.diagnoses),
            familiarity=findings.familiarity and familiarity_words(findings.familiarity),
            num_scores=sum(finding.probability is None for finding in (*findings.diagnoses, *findings.referrals)),
            diagnoses=diagnoses,
            num_diagnoses_shown=num_shown(diagnoses),
            referrals=referrals,
            priority=priority and priority_view(priority.level, priority.logits, priority.probabilities),
            used=[(entry, pictures.get((entry.series_uid, entry.part))) for entry in used],
            mode=MODES[findings.release.mode],
            timings=[(STEPS.get(step, step.capitalize()), seconds) for step, seconds in findings.timings_s.items()],
            version=__version__,
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("prima.predict", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    environment.filters["reason_words"] = reason_words
    return environment


def _data_uri(picture: Picture) -> str:
    return "data:image/png;base64," + b64encode(picture.png).decode()
