"""Which image files belong to one person and session, and so to one study.

There are no UIDs in NIfTI, so names decide: the entities of BIDS wherever they stand in a path, the numbering of
nnU-Net, folders named after a sequence (`T1/`, `dwi/`), and the part of a file name that is no word of a sequence. The
json beside an image is believed before names where it says whose it is. Files of several people never become one
study; where names leave it open, they become several.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prima.files.walk import natural_key
from prima.study.bids import read_sidecar, stem_of

_SUBJECT, _SESSION = re.compile(r"(?:^|_)sub-([^_]+)"), re.compile(r"(?:^|_)ses-([^_]+)")
_CHANNEL = re.compile(r"^(.+)_(\d{4})$")
_NNUNET_SPLIT = re.compile(r"(?:images|labels)(Tr|Ts|Val)", re.IGNORECASE)
_PERSON = re.compile(
    r"(?<![A-Za-z0-9])(?:subj?|subject|patient|pat|pt|case|person|participant|volunteer|control|ctrl|hc)[-_ ]?"
    r"([A-Za-z]{0,3}\d[0-9A-Za-z]*)",
    re.IGNORECASE,
)
_VISIT = re.compile(
    r"(?<![A-Za-z])(?:ses|session|visit|tp|timepoint|time|study|exam|day|month|year)[-_ ]?\d+", re.IGNORECASE
)
_SPLIT = re.compile(r"[-_. +~()\[\]]+")

# Words of sequences, processing and anatomy: none of them names a person.
_SEQUENCE = re.compile(
    r"(?:[23]d)?t[12](?:w|star|rho|c|ce|gd|post|pre|km|wi|weighted|tra|ax|sag|cor|n|f|mprage|tse|fse|se|gre|ffe|flair|map)*|"
    r"(?:[23]d)?flair|fla|pdw?|pd|dwi|dti|adc|swi|swan|tof|mra|mrv|mprage|mp2rage|memprage|bravo|spgr|vibe|tfl|space|"
    r"cube|vista|tse|fse|se|gre|ffe|epi|ep2d|bold|asl|pcasl|perf|dsc|dce|fa|md|trace|tracew|bravo|ciss|fiesta|stir|tir|"
    r"tirm|hemo|psir|inv\d|uni(?:t1)?|b\d{1,4}|cest|mt|dir|anat|func|fmap|scan|localizer|loc|magnitude|phase|phasediff"
)
_FILLER = re.compile(
    r"ax(?:ial)?|tra(?:ns)?|sag(?:ittal)?|cor(?:onal)?|obl|iso|[23]d|pre|post|gd|gad|gado|km|ce|contrast|native|plain|"
    r"early|late|delayed|brain|head|skull|stripped|bet|n4|corr(?:ected)?|bias|biascorr(?:ected)?|denoised|norm(?:al|alized|"
    r"alised)?|reg(?:istered)?|resampled|coreg|crop(?:ped)?|defaced?|anon(?:ymized)?|orig(?:inal)?|raw|nu|preproc|mni|"
    r"space|to|on|in|and|with|without|fs|fatsat|w|wo|hr|hires|highres|lowres|thin|thick|new|old|copy|final|"
    r"image|images|img|vol|volume|series|scan|sequence|seq|file|nifti|nii|mr|mri|data|out|output|result|input|"
    r"mask|masks|seg|segmentation|label|labels|lesion|lesions|roi|gt|ground|truth|tumou?r|wm|gm|csf|aseg|aparc|prob|"
    r"echo\d*|e\d|run\d*|acq\d*|rec\d*|dir\d*|part|mag|ph|real|imag|inary|ap|pa|lr|rl|is|si|r|l|left|right|"
    r"first|second|third|[0-9]+mm|[0-9]+t|[0-9]+deg|te\d+|tr\d+|ti\d+|v\d|lh|rh|rawavg|talairach|desc|res|good|bad|"
    r"fat|water|high|low|sub|ses|ref|mean|rms|avg|average|map|maps|field|hemosiderin|[a-z]"
)
# Folders that hold one sequence, or one kind of image, of whoever stands above them.
_SEQUENCE_FOLDER = re.compile(
    r"anat|dwi|func|fmap|perf|swi|ct|pet|nifti|nii|images?|masks?|labels?|segs?|mri?|raw|orig"
)


# A folder with one of these holds one person's files (FreeSurfer's `mri`).
_FREESURFER = ("orig.mgz", "rawavg.mgz", "nu.mgz", "aseg.mgz", "brainmask.mgz")


@dataclass(frozen=True, kw_only=True)
class PersonFiles:
    """The image files of one person and session.

    Args:
        files: in natural order of their paths.
        where: the folder that holds them all.
        name: what tells the study from others under the same path, relative to that path: a folder, or part of a file
            name; "" when it is the whole. It may hold a person's name.
    """

    files: tuple[Path, ...]
    where: Path
    name: str


def by_person(files: Sequence[Path], top: Path) -> tuple[PersonFiles, ...]:
    """Divide image files into studies.

    Args:
        files: images under `top`.
        top: the folder that was asked for; folders above it say nothing.
    """
    homes: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    names: dict[tuple[str, ...], str] = {}
    for file in files:
        home, name = _home(file, top)
        names.setdefault(home, name)
        homes[home].append(file)
    groups: list[tuple[str, list[Path]]] = []
    for home, members in homes.items():
        parts = [(names[home], members)] if home[0] != "folder" else _people_of_folder(members, names[home])
        for name, of_one in parts:
            groups.extend(_by_sidecar(name, of_one))
    return tuple(
        PersonFiles(files=tuple(sorted(members, key=_path_order)), where=_folder_of(members), name=name)
        for name, members in groups
    )


def _path_order(path: Path) -> tuple[object, ...]:
    return tuple(natural_key(part) for part in path.parts)


def _folder_of(members: Sequence[Path]) -> Path:
    parents = [member.parent for member in members]
    common = parents[0]
    while not all(parent.is_relative_to(common) for parent in parents):
        common = common.parent
    return common


def _home(file: Path, top: Path) -> tuple[tuple[str, ...], str]:
    """Which person a path names outright ("bids", "nnunet"), else the "folder" to look into; and what to call it."""
    folders = file.parent.relative_to(top).parts if file.parent.is_relative_to(top) else ()
    stem = stem_of(file)
    subject, session = _SUBJECT.search(stem), _SESSION.search(stem)
    level = next((index for index, part in enumerate(folders) if part.startswith("sub-")), None)
    if subject is not None or level is not None:
        label = subject[1] if subject is not None else folders[level or 0][4:]
        inside = folders[level + 1 :] if level is not None else ()
        visit = session[1] if session is not None else next((part[4:] for part in inside if part[:4] == "ses-"), "")
        if level is None:
            level = len([part for part in folders if not _is_sequence_folder(part)])
        dataset = "/".join(folders[:level])
        name = "/".join(filter(None, (dataset, f"sub-{label}", f"ses-{visit}" if visit else "")))
        return ("bids", dataset, label, visit), name
    folder = folders[-1] if folders else file.parent.name
    split = _NNUNET_SPLIT.fullmatch(folder)
    if split is not None:
        channel = _CHANNEL.fullmatch(stem)
        case = channel[1] if channel else stem
        return ("nnunet", "/".join(folders[:-1]), split[1].lower(), case), "/".join((*folders, case))
    kept = list(folders)
    while kept and _is_sequence_folder(kept[-1]):
        kept.pop()
    return ("folder", "/".join(kept)), "/".join(kept)


def _is_sequence_folder(name: str) -> bool:
    words = _SPLIT.split(name.lower())
    return any(_SEQUENCE.fullmatch(word) or _SEQUENCE_FOLDER.fullmatch(word) for word in words) and all(
        _SEQUENCE.fullmatch(word) or _SEQUENCE_FOLDER.fullmatch(word) or _FILLER.fullmatch(word) for word in words
    )


def _people_of_folder(members: Sequence[Path], folder: str) -> list[tuple[str, list[Path]]]:
    """The files of one folder, or of the sequence folders in it, by the person that their names tell."""
    if any(member.name.lower() in _FREESURFER for member in members):
        return [(folder, list(members))]
    keys = _channels(members) or _numbered(members) or {member: _person(stem_of(member)) for member in members}
    groups: dict[str, list[Path]] = defaultdict(list)
    for member in members:
        groups[keys[member]].append(member)
    if len(groups) > 1 and "" in groups and len(groups) == 2:  # files that name nobody lie beside those of one person
        (other,) = (key for key in groups if key)
        groups[other] += groups.pop("")
    if len(groups) == 1:
        return [(folder, list(members))]
    return [("/".join(filter(None, (folder, key))), found) for key, found in groups.items()]


def _channels(members: Sequence[Path]) -> dict[Path, str] | None:
    """Cases of nnU-Net: every file ends in a channel number, and every case begins with channel 0000."""
    found = {member: _CHANNEL.fullmatch(stem_of(member)) for member in members}
    cases: dict[str, set[str]] = defaultdict(set)
    for match in found.values():
        if match is None:
            return None
        cases[match[1]].add(match[2])
    if any("0000" not in channels for channels in cases.values()) or not any(_person(case) for case in cases):
        return None
    return {member: match[1] for member, match in found.items() if match is not None}


def _numbered(members: Sequence[Path]) -> dict[Path, str] | None:
    """Names that begin with a short number, alone or after one and the same word.

    The number is a person's when it comes twice, stands before one and the same name, or is written 001; before names
    that differ it is the number of a series.
    """
    found = [re.fullmatch(r"(?:([A-Za-z]+)[-_ ])?(\d{1,4})(?:[-_. ](.+))?", stem_of(member)) for member in members]
    matches = [match for match in found if match is not None]
    if len(members) < 2 or len(matches) < len(members) or len({match[1] for match in matches}) > 1:
        return None
    if any(_person(match[3] or "") or (match[1] and len(match[2]) > 2) for match in matches):
        return None
    numbers = [match[2] for match in matches]
    names = {match[3] or "" for match in matches}
    padded = all(len(number) > 2 for number in numbers) and any(number.startswith("0") for number in numbers)
    if len(set(numbers)) < len(numbers) or (len(names) == 1 and (padded or names != {""})):
        return dict(zip(members, numbers, strict=True))
    return dict.fromkeys(members, "")


def _person(stem: str) -> str:
    """What in a file name is no word of a sequence: identifiers, else the unknown words before the sequence."""
    for explicit in _PERSON.finditer(stem):
        if not _SEQUENCE.fullmatch(explicit[1].lower()):
            return "_".join([explicit[0], *_VISIT.findall(stem)])
    words = [word for word in _SPLIT.split(stem) if word]
    first = next((index for index, word in enumerate(words) if _SEQUENCE.fullmatch(word.lower())), len(words))
    identifiers = [word for word in words[:first] if _is_identifier(word)]
    return "_".join(dict.fromkeys(identifiers or _unknown_words(words[:first])))


def _is_identifier(word: str) -> bool:
    lower = word.lower()
    return any(character.isdigit() for character in word) and not (
        _FILLER.fullmatch(lower) or re.fullmatch(r"\d{1,2}|se?\d{1,3}|series\d*|scan\d*|im\d+", lower)
    )


def _unknown_words(words: Sequence[str]) -> list[str]:
    return [
        word
        for word in words
        if len(word) > 2 and not (_FILLER.fullmatch(word.lower()) or _SEQUENCE.fullmatch(word.lower()))
    ]


def _by_sidecar(name: str, members: Sequence[Path]) -> list[tuple[str, list[Path]]]:
    """Files whose json says that they are of different studies or people; those without stay with the first."""
    owners = {member: _owner(member) for member in members}
    known = list(dict.fromkeys(owner for owner in owners.values() if owner))
    if len(known) < 2:
        return [(name, list(members))]
    groups: dict[tuple[str, ...], list[Path]] = {owner: [] for owner in known}
    nobody: list[Path] = []
    for member, owner in owners.items():
        (groups[owner] if owner else nobody).append(member)
    found = [*groups.values(), *([nobody] if nobody else [])]
    return [("/".join(filter(None, (name, stem_of(group[0])))), group) for group in found]


def _owner(member: Path) -> tuple[str, ...]:
    sidecar = read_sidecar(member)
    study = sidecar.text("StudyInstanceUID")
    if study is not None:
        return (study,)
    return tuple(filter(None, (sidecar.text("PatientID"), sidecar.text("PatientName"))))
