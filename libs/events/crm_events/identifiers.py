"""Which spellings are one identifier, and which values identify nobody?

    email          checked by its grammar (no look-up of the domain), compared without case
    phone          E.164, numbers without a country read as Iranian; an extension is part of the number
    national_id    letters and digits only; ten digits without a `system` (or with `IR`) must carry the Iranian check digit
    loyalty_card   letters and digits only, without case
    external       as the other system writes it, case included; needs that `system`
    device         without case and blanks
    social         without case and the leading @; `system` names the network

A value that identifies nobody (zeros, `test`, a role's mailbox) is refused with `Blocked`; one that cannot be read, with `Invalid`.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, TypeAlias

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from crm_events.nobody import identifies_nobody, role_mailbox
from crm_events.refusals import Blocked, Invalid
from crm_events.text import digits_as_ascii, fold

Kind: TypeAlias = Literal["email", "phone", "national_id", "loyalty_card", "external", "device", "social"]
REGION = "IR"
SHORTEST_NUMBER = 6  # digits after the country; less is a service code of its network


@dataclass(frozen=True, slots=True)
class Recognised:
    """One identifier: `value` as it was sent, `normalised` as it is compared, `scope` within which it belongs to one contact."""

    kind: Kind
    system: str | None
    value: str
    normalised: str

    @property
    def scope(self) -> str:
        return scope(self.kind, self.system)


def scope(kind: str, system: str | None) -> str:
    """The claim scope of an identifier: `kind`, or `kind:system`."""
    return f"{kind}:{fold(system)}" if system else kind


def recognise(kind: Kind, value: str, system: str | None = None, *, pointer: str = "") -> Recognised:
    """Read one identifier. `pointer` leads to it in the request body. Raises Blocked, or Invalid at `<pointer>/value` or `<pointer>/system`."""
    if kind == "external" and not system:
        raise Invalid(f"{pointer}/system", "missing", "Name the system whose identifier this is.")
    text = digits_as_ascii(unicodedata.normalize("NFKC", value)).strip()
    if identifies_nobody(fold(text)):
        raise Blocked("This value identifies nobody; leave it out, or ask the customer for their own.")
    try:
        return Recognised(kind, system, value, _normalise(kind, text, system))
    except ValueError as problem:
        raise Invalid(f"{pointer}/value", "unreadable", str(problem)) from None


def warm_up() -> None:
    """Read the tables of both libraries once (65 ms), so that no customer waits for them."""
    _email("first.call@example.org")
    _phone("02100000001")


def _normalise(kind: Kind, text: str, system: str | None) -> str:
    match kind:
        case "email":
            return _email(text)
        case "phone":
            return _phone(text)
        case "national_id":
            return _national_id(text, system)
        case "loyalty_card":
            return _code(text, "A card number has 3 to 64 letters and digits.", at_least=3)
        case "external":
            return _bounded(" ".join(text.split()))
        case "device":
            return _bounded("".join(fold(text).split()))
        case "social":
            return _bounded("".join(fold(text).split()).lstrip("@"))


def _email(text: str) -> str:
    text = _without_blanks(text)
    local, at, _ = text.rpartition("@")
    if at and local and role_mailbox(fold(local)):
        raise Blocked("This mailbox belongs to a role or to nobody; a customer is known by an address of their own.")
    try:
        return validate_email(text, check_deliverability=False).normalized.casefold()
    except EmailNotValidError:
        raise ValueError("Write an e-mail address such as name@company.example.") from None


def _phone(text: str) -> str:
    refused = ValueError("Write a telephone number with its country, such as +98 912 345 6789, or an Iranian one such as 0912 345 6789.")
    try:
        number = phonenumbers.parse(_without_blanks(text), REGION)
    except phonenumbers.NumberParseException:
        raise refused from None
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not possible or len(str(number.national_number)) < SHORTEST_NUMBER:  # possible, not valid: new ranges are allotted every month
        raise refused
    if len(set(str(number.national_number))) == 1:
        raise Blocked("A number of one digit repeated reaches nobody.")
    line = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{line};ext={number.extension}" if number.extension else line


def _national_id(text: str, system: str | None) -> str:
    code = _code(text, "A national id has 4 to 64 letters and digits.", at_least=4)
    if len(set(code)) == 1:
        raise Blocked("One sign repeated is nobody's national id.")
    if code.isdigit() and len(code) == 10 and fold(system or REGION) == fold(REGION) and not _iranian_check_digit(code):
        raise ValueError("The check digit does not fit the other nine; read the number again. (Another country's number needs its `system`.)")
    return code


def _iranian_check_digit(code: str) -> bool:
    """Σ digit·(10 - place) mod 11: below 2 it is the last digit, else 11 less it."""
    remainder = sum(int(digit) * (10 - place) for place, digit in enumerate(code[:9])) % 11
    return int(code[9]) == (remainder if remainder < 2 else 11 - remainder)


def _code(text: str, detail: str, *, at_least: int) -> str:
    code = re.sub(r"[\W_]+", "", fold(text))
    if not at_least <= len(code) <= 64:
        raise ValueError(detail)
    return code


def _bounded(text: str) -> str:
    if not 1 <= len(text) <= 254:
        raise ValueError("An identifier has 1 to 254 signs.")
    return text


def _without_blanks(text: str) -> str:
    return re.sub(r"[\s\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+", "", text)
