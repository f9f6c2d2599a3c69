"""Is one person's e-mail, number or name one value, however it is spelt?"""

import unicodedata

import pytest
from crm_events.identifiers import Kind, recognise
from crm_events.refusals import Blocked, Invalid
from crm_events.text import fold, matches, search_term, terms, words
from hypothesis import example, given, settings
from hypothesis import strategies as st

ARABIC = str.maketrans({"ی": "ي", "ک": "ك", "ه": "ة"})
PERSIAN_DIGITS, ARABIC_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"), str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=400, deadline=None)
@given(TEXT)
@example("ﷺ ﻼ ẞ ǰ İ ΐ ﬃ ㎏ ½ ͅ 𝐀 ℋ")
@example("ئ\u0654ي\u0654ا\u0653")
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@settings(max_examples=200, deadline=None)
@given(st.text("اآبپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیئؤأ abcXYZ0123456789", max_size=30))
def test_every_keyboards_spelling_folds_to_one_text(text: str) -> None:
    for spelling in (
        text.translate(ARABIC),
        text.translate(PERSIAN_DIGITS),
        text.translate(ARABIC_DIGITS),
        unicodedata.normalize("NFD", text),
        text.upper(),
        f" {text}\u0640 ",
    ):
        assert fold(spelling) == fold(text)


@pytest.mark.parametrize(
    ("sent", "folded"),
    [
        ("علي", "علی"),
        ("كريمى", "کریمی"),
        ("فاطمة", "فاطمه"),
        ("مـــریم", "مریم"),
        ("مُحَمَّد", "محمد"),
        ("علی‌رضا", "علی رضا"),
        ("آرش", "آرش"),
        ("رئیسی", "رئیسی"),
        ("José", "jose"),
        ("STRASSE", "strasse"),
        ("۰۱۲٣٤", "01234"),
        ("  a\u200b\n b ", "a b"),
        ("Ｆｕｌｌ", "full"),
    ],
)
def test_folding_does_what_the_wire_format_says(sent: str, folded: str) -> None:
    assert fold(sent) == folded


@pytest.mark.parametrize(
    ("kind", "spellings", "normalised"),
    [
        (
            "phone",
            ["09123456789", "+98 912 345 6789", "00989123456789", "۰۹۱۲ ۳۴۵ ۶۷۸۹", "٠٩١٢٣٤٥٦٧٨٩", "(0912) 345-6789", "\u202a+989123456789\u202c"],
            "+989123456789",
        ),
        ("phone", ["021-8877 6655 ext. 12", "+982188776655;ext=12"], "+982188776655;ext=12"),
        ("phone", ["+49 (0)30 901820", "0049 30 901820"], "+4930901820"),
        ("email", ["Zahra.K@Example.ORG", " zahra.k@example.org ", "zahra.k@example.org\u200f"], "zahra.k@example.org"),
        ("email", ["زهرا@مثال.com", "زهرا@مثال.COM"], "زهرا@مثال.com"),
        ("national_id", ["0499370899", "۰۴۹۹۳۷۰۸۹۹", "049-937089-9"], "0499370899"),
        ("loyalty_card", ["AB 12-34", "ab۱۲۳۴"], "ab1234"),
        ("device", ["A1B2-C3", "a1b2-c3 "], "a1b2-c3"),
        ("social", ["@Maryam_R", "maryam_r", "@@maryam_r"], "maryam_r"),
    ],
)
def test_all_spellings_of_an_identifier_are_one(kind: Kind, spellings: list[str], normalised: str) -> None:
    assert {recognise(kind, each).normalised for each in spellings} == {normalised}
    assert [recognise(kind, each).value for each in spellings] == spellings, "what was sent is kept for display"


def test_an_external_reference_keeps_its_case_and_belongs_to_its_system() -> None:
    assert recognise("external", " 00aB۱ ", "SalesForce").normalised == "00aB1"
    assert recognise("external", "7", "Shop").scope == recognise("external", "7", "shop").scope != recognise("external", "7", "till").scope


@pytest.mark.parametrize("value", ["0", "000-000", "۰۰۰۰۰", "--", "-1", "null", "N/A", "Anonymous", "ناشناس", "تست", "test", "٠٠٠"])
@pytest.mark.parametrize("kind", ["phone", "email", "national_id", "loyalty_card", "external", "device", "social"])
def test_a_value_that_identifies_nobody_is_blocked(kind: Kind, value: str) -> None:
    with pytest.raises(Blocked):
        recognise(kind, value, "shop")


@pytest.mark.parametrize(
    "value", ["info@example.org", "INFO@Example.org", "no-reply@example.org", "support+fa@example.org", "null@example.org", "test@example.org"]
)
def test_a_roles_mailbox_is_blocked(value: str) -> None:
    with pytest.raises(Blocked):
        recognise("email", value)


@pytest.mark.parametrize("value", ["infotech@example.org", "testament@example.org", "a@example.org", "admin.rezaei@example.org"])
def test_a_persons_mailbox_is_not_taken_for_a_roles(value: str) -> None:
    assert recognise("email", value).normalised == value


@pytest.mark.parametrize(("kind", "value"), [("phone", "01111111111"), ("phone", "+98 1111111111"), ("national_id", "1111111111")])
def test_one_digit_repeated_is_nobodys(kind: Kind, value: str) -> None:
    with pytest.raises(Blocked):
        recognise(kind, value)


@pytest.mark.parametrize(
    ("kind", "value", "system", "pointer"),
    [
        ("phone", "abc", None, "/value"),
        ("phone", "123", None, "/value"),
        ("phone", "+989123456789012345", None, "/value"),
        ("email", "a@b", None, "/value"),
        ("email", "a b@c@d.org", None, "/value"),
        ("national_id", "0499370898", None, "/value"),
        ("loyalty_card", "x", None, "/value"),
        ("external", "7", None, "/system"),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_stands(kind: Kind, value: str, system: str | None, pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        recognise(kind, value, system, pointer="/identifiers/3")
    assert refusal.value.pointer == f"/identifiers/3{pointer}"
    assert value not in refusal.value.detail


def test_another_countrys_ten_digits_need_no_iranian_check_digit() -> None:
    assert recognise("national_id", "0499370898", "bg").normalised == "0499370898"


@settings(max_examples=200, deadline=None)
@given(
    st.text("0123456789", min_size=8, max_size=11) | st.from_regex(r"[A-Z]{3,9}@[a-zA-Z]{3,9}\.org", fullmatch=True) | st.text(max_size=20),
    st.sampled_from(["phone", "email", "national_id", "loyalty_card", "external", "device", "social"]),
)
def test_a_normalised_value_is_its_own_spelling(value: str, kind: Kind) -> None:
    try:
        once = recognise(kind, value, "shop" if kind == "external" else None)
    except (Blocked, Invalid):
        return
    assert recognise(kind, once.normalised, once.system).normalised == once.normalised


def test_a_name_is_indexed_by_its_words_and_their_beginnings() -> None:
    assert words("O'Brien، علي‌رضا") == ["o", "brien", "علی", "رضا"]
    assert terms("Al Karimpour") == {"al", "karimpour", "kar", "kari", "karim", "karimp"}


@pytest.mark.parametrize(
    ("asked", "found"), [("karimpour", True), ("karimpo", True), ("KAR al", True), ("ka", False), ("al karimpur", False), ("karim ali", False)]
)
def test_all_words_asked_for_must_match(asked: str, found: bool) -> None:
    asked_words = words(asked)
    assert matches("Al Karimpour", asked_words) is found
    assert not found or {search_term(word) for word in asked_words} <= terms("Al Karimpour"), "what matches is found in the index"
