"""Predictions meet truth: which row belongs to which, and whose study it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prima.tables.read import Table

NO_PATIENT = "no column patient in either table: every study counts as a patient, intervals may be too narrow"


def patients_of(
    predicted: Table, true: Table, notes: list[str], patient_of: Mapping[str, str] | None = None
) -> list[str]:
    """The patient of every study; a study without one counts as a patient of its own, and a note says so.

    Patients keep the studies of one person together where intervals and folds are made. A study that is not known to be
    anybody's can only stand alone: intervals may be too narrow by it.

    Args:
        predicted, true: rows of the same studies, in the same order; the column `patient` of the truth goes before that
            of the predictions.
        notes: gets a line where patients are not known.
        patient_of: patients by study, where an archive knows them; the tables are not asked then.
    """
    uids = true.study_uids
    if patient_of is None:
        tables: Sequence[Table] = [table for table in (true, predicted) if "patient" in table]
        if not tables:
            notes.append(NO_PATIENT)
            return uids
        patient_of = dict(zip(uids, tables[0].words("patient"), strict=True))
    patients = [patient_of.get(uid, "") for uid in uids]
    num_without = sum(not patient for patient in patients)
    if num_without:
        notes.append(f"{num_without} studies without a patient: each counts as one of its own")
    return [patient or uid for patient, uid in zip(patients, uids, strict=True)]
