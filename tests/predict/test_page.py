import base64
import hashlib
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from prima.predict.page import render_page
from prima.predict.page_rows import num_shown, percent, rows_of
from prima.study import Excluded, Findings, Reason

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><b>"
VOID = {"meta", "img", "br", "rect", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags with attributes, the visible text, and whether every tag was closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data

    @property
    def words(self):
        return " ".join(self.text.split())


@pytest.fixture(scope="module")
def pictures(examples):
    return examples.phantom_pictures()


def test_a_calibrated_study(examples, pictures):
    html = render_page(examples.calibrated_findings(), pictures)
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert page.open == []
    assert "Research use only." in page.words
    assert "UNTRAINED" not in page.words
    for text in ("MRI BRAIN WO CONTRAST", "8 of 10 series used", "High", "62 %", "97 %", "95–98 %", "● Flagged"):
        assert text in page.words
    assert "? Not called too close" in page.words
    assert "● Suggested" in page.words or "○ Not suggested" in page.words
    assert "Localizer (scout) images" in page.words
    assert examples.RELEASE.sha256 in page.words
    assert len([tag for tag in page.tags if tag[0] == "img"]) == 8 * (3 + 1)
    assert html == render_page(examples.calibrated_findings(), pictures)


def test_an_untrained_release_shouts_and_shows_no_percent(examples, pictures):
    words = Page(render_page(examples.untrained_findings(), pictures)).words
    assert words.count("UNTRAINED release: numbers are meaningless.") == 1
    assert "Not calibrated: each number is a score (a logit), not a probability." in words
    assert "%" not in words
    assert "Probability" not in words


def test_a_refused_study_gives_reasons_and_no_number(examples, pictures):
    words = Page(render_page(examples.refused_findings(), pictures)).words
    assert "Not processed" in words
    assert "No series of the study can be used." in words
    assert "Not the brain" in words
    for absent in ("%", "Diagnoses", "Referral service", "threshold", "Priority"):
        assert absent not in words


def test_an_unanswered_study_says_so_and_gives_no_number(examples, pictures):
    words = Page(render_page(examples.unanswered_findings(), pictures)).words
    assert "Not answered ? No findings Unlike the studies this release has seen: no findings are given." in words
    assert "8 of 10 series used" in words
    assert "distance 8.25" in words
    assert "FamiliarNo: distance 9.3 from the studies this release has seen, limit 4.1" in words
    for absent in ("%", "Diagnoses", "Referral", "threshold", "Read next"):
        assert absent not in words


def test_a_release_without_a_check_for_unfamiliar_studies_says_so(examples, pictures):
    words = Page(render_page(examples.calibrated_findings(), pictures)).words
    assert "FamiliarNo check for unfamiliar studies" in words
    findings = examples.explained_findings()
    assert "FamiliarYes: distance 1.31" in Page(render_page(findings, pictures)).words


def test_scores_of_an_unfamiliar_study_are_marked_and_call_nothing(examples, pictures):
    words = Page(render_page(examples.scores_only_findings(), pictures)).words
    assert "Scores only Unlike the studies this release has seen: scores were asked for nonetheless." in words
    assert "read none as the chance that it is there" in words
    assert "Not called study unfamiliar" in words and "%" in words
    for absent in ("flagged Unlike", "Flagged first", "too few positive studies", "Read next", "no threshold –"):
        assert absent not in words


def test_where_it_is_what_else_it_could_be_and_what_is_not_called(examples, pictures):
    findings = examples.explained_findings()
    words = Page(render_page(findings, pictures)).words
    assert (
        "Glioma, adult Tumors, adult left frontal, FLAIR and T2; also left insula by evidence, right place in 82 %"
        in words
    )
    assert "What else it could be: Abscess, CNS lymphoma" in words
    assert "Abscess + for bright on FLAIR, left frontal− against no restricted diffusion" in words
    assert "Would tell them apart, and is missing a T1 series with contrast" in words
    assert "no thresholdnone – Not called no threshold" in words
    assert "1 not called: too few positive studies to choose a threshold." in words


@pytest.mark.parametrize("name", ["explained_findings", "unanswered_findings", "refused_findings"])
def test_what_was_typed_is_not_on_the_page(examples, pictures, name):
    """A path can name a person."""
    findings = replace(getattr(examples, name)(), input="export/DOE_JOHN")
    assert "DOE_JOHN" not in render_page(findings, pictures)
    assert findings.to_dict()["input"] == "export/DOE_JOHN"


def test_what_was_typed_is_on_the_page_when_asked_for(examples, pictures):
    findings = replace(examples.explained_findings(), input="export/<DOE_JOHN>")
    assert "export/&lt;DOE_JOHN&gt;" in render_page(findings, pictures, show_input=True)
    unnamed = replace(findings, input=None)
    assert render_page(unnamed, pictures, show_input=True) == render_page(unnamed, pictures)


def test_findings_that_are_not_called_do_not_fill_the_page(examples):
    uncalled = [
        replace(examples.finding(f"head_{index}", 1.0, calibrated=True), threshold=None, present=None)
        for index in range(30)
    ]
    rows = rows_of([*uncalled, examples.finding("head", 2.0, calibrated=True)])
    assert [row.decision for row in rows] == ["present", *["uncalled"] * 30]
    assert num_shown(rows) == 8
    assert {row.bar.threshold for row in rows[1:]} == {None}


def test_nothing_from_outside_and_one_script_of_our_own(examples, pictures):
    html = render_page(examples.untrained_findings(), pictures)
    page = Page(html)
    names = [tag for tag, _ in page.tags]
    assert names.count("script") == 1 and ("script", {}) in page.tags
    assert not {"link", "iframe", "object", "form", "base"} & set(names)
    for _, attributes in page.tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,", "data:image/jpeg;base64,"))
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes]
    assert f"style-src 'sha256-{allowed}'" in policy
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    assert script == files("prima.predict").joinpath("page.js").read_text("utf-8")
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert not re.search(r"fetch|XMLHttp|import|eval|innerHTML|https?:", script)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def poisoned(value, where):
    """The same value with a script in every text of it, but those that come from a fixed list."""
    fixed = {"status", "level", "mode", "study_uid", "sha256", "threshold_source", "sign"}
    if isinstance(value, str):
        return value if where in fixed else SCRIPT
    if isinstance(value, tuple):
        return tuple(poisoned(item, where) for item in value)
    if hasattr(value, "__dataclass_fields__"):
        return replace(value, **{f.name: poisoned(getattr(value, f.name), f.name) for f in fields(value)})
    return value


def test_script_in_every_text_stays_text(examples, pictures):
    for findings in (examples.explained_findings(), examples.unanswered_findings(), examples.refused_findings()):
        bad = poisoned(replace(findings, notes=("a note",)), "")
        bad = replace(
            bad,
            series=tuple(replace(entry, part=SCRIPT, detail=SCRIPT, description=SCRIPT) for entry in bad.series),
            timings_s={SCRIPT: 1.0},
        )
        drawn = dict.fromkeys(((SCRIPT, SCRIPT),), next(iter(pictures.values())))
        html = render_page(bad, drawn)
        page = Page(html)
        assert page.open == []
        assert html.lower().count("<script") == sum(tag == "script" for tag, _ in page.tags) <= 1
        assert all("onerror" not in attributes for _, attributes in page.tags)
        assert page.text.count("<script>alert(1)</script>") > len(bad.series)


def test_every_reason_has_words(examples, pictures):
    findings = examples.refused_findings()
    entry = findings.series[0]
    everything = tuple(replace(entry, reason=reason.value) for reason in Reason)
    words = Page(render_page(replace(findings, series=everything), pictures)).words
    for reason in Reason:
        assert reason.words in words
        assert "_" not in reason.words
    assert Excluded(series_uid="1", reason=Reason.PHASE).reason.words == "Phase image"
    unknown = (replace(entry, reason="something_new"),)
    assert "Something new" in Page(render_page(replace(findings, series=unknown), pictures)).words


def test_accessible(examples, pictures):
    page = Page(render_page(examples.calibrated_findings(), pictures))
    assert ("html", {"lang": "en"}) in page.tags
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert sum(tag == "table" for tag, _ in page.tags) == sum(tag == "caption" for tag, _ in page.tags)
    assert sum(tag == "h1" for tag, _ in page.tags) == 1
    assert all(
        "aria-label" in attributes or attributes.get("aria-hidden") == "true"
        for tag, attributes in page.tags
        if tag == "svg"
    )


def test_a_study_without_names_pictures_or_timings(examples):
    bare = Findings(study_uid="1.2", description=None, status="done", reason=None, release=examples.RELEASE, series=())
    words = Page(render_page(bare, {})).words
    assert "Brain MRI study" in words
    assert "0 of 0 series used" in words
    used = replace(examples.calibrated_findings(), priority=None, referrals=(), timings_s={})
    assert Page(render_page(used, {})).words.count("No picture.") == 8


def test_ranking_puts_present_first_and_never_folds_it_away(examples):
    findings = [
        examples.finding(f"head_{index}", logit, calibrated=True, threshold=threshold)
        for index, (logit, threshold) in enumerate([(-3, 0.01), (2, 0.95), (0.02, 0.5), (1, 0.5), (-1, 0.5)])
    ]
    rows = rows_of(findings)
    assert [row.decision for row in rows] == ["present", "present", "abstained", "absent", "absent"]
    assert [row.display for row in rows] == ["Head 3", "Head 0", "Head 2", "Head 1", "Head 4"]
    many = rows_of([examples.finding(f"head_{index}", 1.0 + index, calibrated=False) for index in range(30)])
    assert num_shown(many) == 30
    for row in (*rows, *many):
        assert 0 <= row.bar.start <= row.bar.end <= 100
        assert 0 <= row.bar.threshold <= 100


def test_percent_never_says_certain():
    assert [percent(value) for value in (0.0, 0.004, 0.5, 0.996, 1.0)] == ["0 %", "< 1 %", "50 %", "> 99 %", "100 %"]


def contrast(one, other):
    def luminance(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_meet_wcag_aa(scheme):
    style = files("prima.predict").joinpath("page.css").read_text("utf-8")
    roots = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", roots[scheme]))
    for text in ("ink", "soft", "link", "present", "abstained", "high", "medium", "low", "none", "good"):
        for ground in ("panel", "ground"):
            assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    assert contrast(colour["note-ink"], colour["note"]) >= 4.5
    assert contrast(colour["alarm-ink"], colour["alarm"]) >= 4.5
    for fill in ("present", "absent", "abstained"):
        assert contrast(colour[fill], colour["panel"]) >= 3, fill
