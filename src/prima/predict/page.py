"""The report page of one study: one self-contained HTML file, no outside resource.

All text is escaped by the template engine; the page's own policy (CSP) allows one style sheet and one script, by their
hashes, and pictures that lie in the page, so that even text that slipped through could run nothing. The script turns
slices over; without it the page says all that it says.
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
from prima.predict.pictures import Picture, SeriesPictures, Strip
from prima.study import Findings
from prima.study.findings import DEMONSTRATION

MODES = {
    "image": "Images only",
    "image+names": "Images, series names and study description",
    "image+names+indication": "Images, series names, study description, age, sex and indication",
}
STEPS = {"read": "Reading", "tokenize": "Cutting into tokens", "encode": "Encoding", "heads": "Heads", "total": "Total"}


def render_page(
    findings: Findings, pictures: Mapping[tuple[str, str | None], SeriesPictures], *, show_input: bool = False
) -> str:
    """Render report.html.

    Args:
        findings: of any status; a study that is not done gets its reason and no number.
        pictures: of the used series, by series UID and part; a series without one says so.
        show_input: put what the user typed to name the study (`input`) on the page; it may hold a person's name.

    Returns:
        HTML5 text; the same findings give the same page.
    """
    script = files("prima.predict").joinpath("page.js").read_text("utf-8")
    diagnoses, referrals = rows_of(findings.diagnoses), rows_of(findings.referrals)
    used = [entry for entry in findings.series if entry.status == "used"]
    priority = findings.priority
    return (
        html_environment()
        .get_template("page.html.j2")
        .render(
            findings=findings,
            input=findings.input if show_input else None,
            **style_of_page(),
            script=Markup(script),  # noqa: S704 (our own file, nothing of the study)
            demonstrates=DEMONSTRATION in findings.notes,
            script_hash=_csp_hash(script),
            calibrated=any(finding.probability is not None for finding in findings.diagnoses),
            familiarity=findings.familiarity and familiarity_words(findings.familiarity),
            scores_only=findings.familiarity is not None and not findings.familiarity.familiar,
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


def style_of_page() -> dict[str, str]:
    """The style sheet of the pages, and its hash for their policy."""
    style = files("prima.predict").joinpath("page.css").read_text("utf-8")
    return {"style": Markup(style), "style_hash": _csp_hash(style)}  # noqa: S704 (our own file)


@lru_cache(maxsize=1)
def html_environment() -> Environment:
    """What renders the pages: all text is escaped, and an unknown name is an error."""
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


def _csp_hash(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data_uri(picture: Picture | Strip) -> str:
    kind, content = ("jpeg", picture.jpeg) if isinstance(picture, Strip) else ("png", picture.png)
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
