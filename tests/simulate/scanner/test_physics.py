import math
from dataclasses import replace

import pytest
import torch

from prima.simulate.anatomy.head import TISSUE_NAMES
from prima.simulate.scanner.physics import Sequence, adc_um2_ms, csf_null_ms, relaxation, signal
from prima.simulate.scanner.tissues import TISSUE, TISSUES

FIELDS = (1.5, 3.0)
T1 = Sequence(kind="spin_echo", tr_ms=550, te_ms=9)
T2 = Sequence(kind="spin_echo", tr_ms=5000, te_ms=100, echo_train=15)
FLAIR = Sequence(kind="inversion", tr_ms=9000, te_ms=100, ti_ms=csf_null_ms(9000, 4300), echo_train=17)
MPRAGE = Sequence(kind="mprage", tr_ms=2300, te_ms=2.6, ti_ms=900, flip_deg=9, echo_train=176)
SWI = Sequence(kind="swi", tr_ms=28, te_ms=20, flip_deg=15)
TOF = Sequence(kind="tof", tr_ms=22, te_ms=3.6, flip_deg=18)


def test_tissues_stand_in_the_order_of_a_head():
    assert tuple(tissue.name for tissue in TISSUES) == TISSUE_NAMES


@pytest.mark.parametrize("tissue", TISSUES, ids=lambda tissue: tissue.name)
def test_relaxation_times_are_in_order(tissue):
    for field in FIELDS:
        assert tissue.t2star_at(field) <= tissue.t2_at(field) <= tissue.t1_at(field)
    assert tissue.t1_at(3.0) >= tissue.t1_at(1.5)


@pytest.mark.parametrize("field", FIELDS)
def test_spin_echo_follows_its_equation(field):
    for name in ("gm", "wm", "csf", "muscle"):
        tissue = TISSUE[name]
        expected = tissue.pd * (1 - math.exp(-550 / tissue.t1_at(field))) * math.exp(-9 / tissue.t2_at(field))
        assert signal(T1, tissue, field) == pytest.approx(expected)


def test_spoiled_gradient_echo_peaks_at_the_ernst_angle():
    tissue, tr = TISSUE["wm"], 30.0
    ernst = math.degrees(math.acos(math.exp(-tr / tissue.t1_at(3.0))))
    best = max(
        range(1, 90), key=lambda flip: signal(Sequence(kind="spoiled", tr_ms=tr, te_ms=3, flip_deg=flip), tissue, 3)
    )
    assert abs(best - ernst) <= 0.5


def test_mprage_agrees_with_pulse_by_pulse_simulation():
    for name in ("gm", "wm", "csf"):
        tissue = TISSUE[name]
        t1, angle = tissue.t1_at(3.0), math.radians(9)
        z = 1.0
        for _ in range(30):
            z = -z
            z = 1 + (z - 1) * math.exp(-(900 - 88 * 7.0) / t1)
            for pulse in range(176):
                if pulse == 88:
                    seen = z
                z = 1 + (z * math.cos(angle) - 1) * math.exp(-7.0 / t1)
            z = 1 + (z - 1) * math.exp(-(2300 - 900 - 88 * 7.0) / t1)
        expected = tissue.pd * seen * math.sin(angle) * math.exp(-2.6 / tissue.t2star_at(3.0))
        assert signal(MPRAGE, tissue, 3.0) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("field", FIELDS)
def test_contrasts_are_ordered_as_in_the_textbook(field):
    def of(sequence, *names):
        return [abs(signal(sequence, TISSUE[name], field)) for name in names]

    assert of(T1, "fat", "wm", "gm", "csf") == sorted(of(T1, "fat", "wm", "gm", "csf"), reverse=True)
    assert of(T2, "csf", "gm", "wm", "bone") == sorted(of(T2, "csf", "gm", "wm", "bone"), reverse=True)
    assert of(MPRAGE, "wm", "gm", "csf") == sorted(of(MPRAGE, "wm", "gm", "csf"), reverse=True)
    csf, gm, wm = of(FLAIR, "csf", "gm", "wm")
    assert csf < 0.02 * wm < gm
    venous, white = of(SWI, "venous_blood", "wm")
    assert venous < 0.5 * white
    artery, vein, grey = of(TOF, "arterial_blood", "venous_blood", "gm")
    assert artery > 2 * grey
    assert artery > 1.3 * vein


def test_adc_comes_back_from_b0_and_b1000():
    for tissue in TISSUES:
        if tissue.t2_at(3.0) < 10:  # nothing is left of bone and air at 80 ms
            continue
        b0, b1000 = (
            signal(Sequence(kind="diffusion", tr_ms=5000, te_ms=80, b_value=b), tissue, 3.0) for b in (0.0, 1000.0)
        )
        found = adc_um2_ms(torch.tensor([b0], dtype=torch.float64), torch.tensor([b1000], dtype=torch.float64), 1000)
        assert float(found) == pytest.approx(tissue.adc_um2_ms, abs=1e-9)


def test_only_what_takes_up_the_agent_enhances():
    after = replace(T1, contrast_agent=True)
    for tissue in TISSUES:
        gain = signal(after, tissue, 3.0) - signal(T1, tissue, 3.0)
        if tissue.enhancement == 0:
            assert gain == 0
        elif tissue.enhancement > 0.5:
            assert gain > 0.15 * signal(T1, tissue, 3.0) > 0
    half = replace(TISSUE["gm"], enhancement=0.5)
    spins = relaxation(half, 1.5, contrast_agent=True)
    assert 1 / spins.t1_ms - 1 / half.t1_at(1.5) == pytest.approx(4.5 * 0.3 / 1000)


def test_fat_suppression_takes_fat_only():
    without = replace(T1, fat_suppressed=True)
    assert signal(without, TISSUE["fat"], 1.5) < 0.15 * signal(T1, TISSUE["fat"], 1.5)
    assert signal(without, TISSUE["wm"], 1.5) == signal(T1, TISSUE["wm"], 1.5)
