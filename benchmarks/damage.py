"""Bytes damaged at random, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence


def damaged(data: bytes, chance: random.Random, other: bytes, pieces: Sequence[bytes]) -> bytes:
    """The data with one to eight changes: bytes flipped, cut, doubled, moved, spliced from elsewhere, pieces put in.

    Args:
        data: a whole file.
        chance: decides.
        other: a file to splice from.
        pieces: what has broken readers elsewhere.
    """
    content = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(content) + 1)
        length = chance.choice((1, 2, 8, 64, 512))
        piece = bytes(content[place : place + length])
        match chance.randrange(8):
            case 0:
                content[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del content[place : place + length]
            case 2:
                content[place:place] = piece * chance.choice((1, 2, 50))
            case 3:
                del content[place : place + length]
                target = chance.randrange(len(content) + 1)
                content[target:target] = piece
            case 4:
                begin = chance.randrange(len(other) + 1)
                content[place:place] = other[begin : begin + length]
            case 5:
                del content[place:]
            case _:
                content[place:place] = chance.choice(pieces) * chance.choice((1, 1, 1, 20))
    return bytes(content)
