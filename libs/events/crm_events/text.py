"""When are two spellings one word?

Text is kept as it was sent and matched after folding: NFKC, Arabic letters as Persian ones, no tatweel, no diacritics, ZWNJ as a space, every
script's digits as ASCII, case folded, white space as single spaces.
"""

import re
import unicodedata
from collections.abc import Iterator

# Marks written over or under a letter. U+0653..0655 are not among them: they make آ أ إ ئ, which are letters.
_MARKS = re.compile("[\u0300-\u036f\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08ff]")
_STRAY = re.compile("[\u0640\u0653-\u0655\u00ad\u200b\u200d-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")  # tatweel, hamzas without a letter, invisible controls
_LETTERS = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ة": "ه", "\u200c": " "})
SHORTEST_PREFIX, LONGEST_PREFIX = 3, 6


def fold(text: str) -> str:
    """The form in which text is compared. `fold(fold(t)) == fold(t)`."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))
    text = digits_as_ascii(_STRAY.sub("", text).translate(_LETTERS))
    return " ".join(text.split())


def digits_as_ascii(text: str) -> str:
    """Any script's decimal digits as 0-9, everything else as it stands."""
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


def words(text: str) -> list[str]:
    """The folded words of a name, in order: runs of letters, marks and digits."""
    return "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in fold(text)).split()


def terms(text: str) -> frozenset[str]:
    """What a name is found by: each of its words, and each word's prefixes of 3 to 6 letters."""
    return frozenset(term for word in words(text) for term in _terms(word))


def search_term(word: str) -> str:
    """What to look up for a word of a question: a longer beginning than is indexed narrows to its first 6 letters; `matches` judges the rest."""
    return word[:LONGEST_PREFIX] if len(word) > LONGEST_PREFIX else word


def matches(name: str, asked: list[str]) -> bool:
    """Whether every word asked for is a word of the name, or the beginning of one (3 letters and more)."""
    there = words(name)
    return all(any(word == own or (len(word) >= SHORTEST_PREFIX and own.startswith(word)) for own in there) for word in asked)


def _terms(word: str) -> Iterator[str]:
    yield word
    for length in range(SHORTEST_PREFIX, min(LONGEST_PREFIX, len(word)) + 1):
        yield word[:length]
