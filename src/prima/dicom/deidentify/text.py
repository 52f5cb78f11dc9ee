"""Scrubbing the prose of a report: names, numbers and addresses go, dates move with those of the images."""

from __future__ import annotations

from prima.dicom.deidentify.dates_in_text import claim_dates
from prima.dicom.deidentify.names_in_text import claim_names
from prima.dicom.deidentify.numbers_in_text import claim_ages, claim_links, claim_numbers
from prima.dicom.deidentify.person import Person
from prima.dicom.deidentify.places_in_text import claim_addresses, claim_places
from prima.dicom.deidentify.prose import Redaction, readable
from prima.dicom.deidentify.pseudonyms import Pseudonyms
from prima.dicom.deidentify.record_in_text import claim_record_names, claim_record_numbers


def scrub_text(text: str, *, person: Person, pseudonyms: Pseudonyms, day_first: bool = False) -> str:
    """The text of a report without what identifies its patient or its authors.

    Names, numbers and places of the patient's own record go wherever they stand, whatever their case, accents, hyphens,
    apostrophes, spaces and order; other names by a title, a role, a degree, a label or a given name beside them;
    record, telephone and other long numbers; addresses, institutions, links. Dates move by the
    patient's offset, those without a year go, ages above 89 become 90+.

    Args:
        person: whose report it is, with the names and identifiers of the record.
        pseudonyms: gives the offset of the dates.
        day_first: how to read 03/04/2024.

    Returns:
        The text in composed form (NFC), without invisible characters.

    Example:
        >>> from prima.dicom.deidentify.key import SiteKey
        >>> names = Pseudonyms(key=SiteKey(b"not a secret, an example"))
        >>> jane = Person(key="123", names=("DOE^JANE",), identifiers=("123",))
        >>> scrub_text("Jane Doe, MRN 5551234. Read by J. Smith, MD.", person=jane, pseudonyms=names)
        '[name] [name], MRN [id]. Read by [name], MD.'
    """
    redaction = Redaction(readable(text))
    claim_links(redaction)
    claim_record_numbers(redaction, person)
    claim_dates(redaction, lambda day: pseudonyms.shift_date(person.key, day), day_first=day_first)
    claim_record_names(redaction, person)
    claim_ages(redaction)
    claim_addresses(redaction)
    claim_numbers(redaction)
    claim_places(redaction)
    claim_names(redaction)
    return redaction.result()
