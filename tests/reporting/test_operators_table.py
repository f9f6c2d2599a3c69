"""Does a table stay a table, whatever its text?"""

import pytest
from crm_reporting.ops.table import cells, shown, table


def test_columns_stand_under_each_other_in_whatever_script() -> None:
    lines = table(("who", "what"), [("مریم رضایی", 1), ("Zoë", 22), ("می‌خواهم", 333), ("木村", None)]).splitlines()
    assert {cells(line[: max(line.rfind(" "), 0) + 1]) for line in lines} == {12}
    assert lines[0] == "who         what" and lines[4] == "木村        -"


def test_text_from_right_to_left_turns_nothing_around_it() -> None:
    assert shown("نام عدد است") == "\u2068نام عدد است\u2069" and shown("plain") == "plain"


@pytest.mark.parametrize("evil", ["\x1b[2J", "a\rb", "\u202eabc", "x\u2069y", "\x00", "\x9b31m"])
def test_nothing_in_a_cell_moves_the_cursor_or_the_direction(evil: str) -> None:
    assert "�" in shown(evil) and not set(shown(evil)) & set("\x1b\r\u202e\u2069\x00\x9b")
    assert "\n" not in shown("two\nlines")
