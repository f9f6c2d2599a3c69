"""Which values mark one customer, so that any trace of her can be told from everything else?

Every text she or anybody else writes about her holds two made-up words, one Latin and one Persian, in the spelling of somebody
who types freely; numbers and dates are hers alone.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from crm_events.identifiers import Kind, Recognised, recognise
from crm_events.text import fold, terms
from crm_loyalty.member import card_key

_LATIN, _PERSIAN = "bcdfghjklmnpqrstvwxz", "بپتجچخدرزسشفکگلمنوهی"
_ARABIC = str.maketrans({"ی": "ي", "ک": "ك"})
_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


@dataclass(frozen=True, slots=True)
class Marks:
    """The words and numbers of one customer. `persian` is typed with Arabic letters, a tatweel and a ZWNJ; its folded form is what is looked up."""

    latin: str
    persian: str
    phone: str
    national_id: str
    card: str
    birthday: str

    def text(self, about: str) -> str:
        """A free text that holds both words; `about` tells one field's from another's."""
        return f"{self.latin.title()} «{self.persian}» {about}"

    @property
    def persian_phone(self) -> str:
        """The number as a Persian keyboard writes it."""
        return self.phone.translate(_DIGITS)

    @property
    def identifiers(self) -> dict[Kind, tuple[str, str | None]]:
        """A value and a system of each kind of identifier."""
        return {
            "email": (f"{self.latin.title()}@Example.org", None),
            "phone": (self.persian_phone, None),
            "national_id": (f"{self.national_id[:3]}-{self.national_id[3:9]}-{self.national_id[9:]}", None),
            "loyalty_card": (f"{self.card}{self.latin.upper()}", None),
            "external": (f"{self.latin}/{self.persian}", "shop"),
            "device": (f"{self.latin}-device", None),
            "social": (f"@{self.latin}.{fold(self.persian).replace(' ', '_')}", "net"),
        }

    @property
    def recognised(self) -> list[Recognised]:
        """The same as the services compare them."""
        return [recognise(kind, value, system) for kind, (value, system) in self.identifiers.items()]

    @property
    def needles(self) -> dict[str, str]:
        """What is looked for, by what it tells: no text of hers is without one of these, and none of these holds another."""
        found = {f"the word {form}": form for form in _forms(self.latin, self.persian)}
        found |= {f"the phone {form}": form for form in (self.phone[1:], self.persian_phone[1:])}
        found |= {f"the national id {form}": form for form in (self.national_id, self.identifiers["national_id"][0])}
        found |= {f"the card {form}": form for form in (self.card, self.card_number)}
        return found | {f"the birthday {self.birthday}": self.birthday}

    def terms(self) -> Iterator[str]:
        """What a name of hers is found by."""
        yield from sorted(term for word in (self.latin, self.persian) for term in terms(word))

    @property
    def card_key(self) -> str:
        """How loyalty compares the card."""
        return card_key(self.card_number)

    @property
    def invitee(self) -> str:
        """Whom she invites: an address that holds her word."""
        return f"{self.latin}.Friend@Example.org"

    @property
    def card_number(self) -> str:
        """The card of her membership."""
        return f"{self.card[:4]}-{self.card[4:]}"


def marks(seed: int) -> Marks:
    """New marks; the same for the same seed."""
    rng = random.Random(seed)
    latin = "".join(rng.sample(_LATIN, 12))
    first, second = ("".join(rng.sample(_PERSIAN, 7)) for _ in range(2))
    persian = f"{first[:3]}\u0640{first[3:]}\u200c{second}".translate(_ARABIC)
    phone = "0912" + "".join(rng.choices("123456789", k=7))
    nine = "".join(rng.choices("123456789", k=9))
    rest = sum(int(digit) * (10 - place) for place, digit in enumerate(nine)) % 11
    card = "".join(rng.choices("123456789", k=13))
    birthday = f"18{rng.randrange(11, 99)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
    return Marks(latin, persian, phone, f"{nine}{rest if rest < 2 else 11 - rest}", card, birthday)


def _forms(latin: str, persian: str) -> Iterator[str]:
    yield from (latin, latin.upper(), latin.title())
    yield from dict.fromkeys((*persian.split("\u200c"), *fold(persian).split()))
