"""Is each line of purchases a transaction, to the cent?"""

from itertools import pairwise
from pathlib import Path

from crm_importers import cdnow
from crm_importers.command import Command
from hypothesis import given
from hypothesis import strategies as some
from sample_files import purchases, written


def lines_of(command: Command) -> list[tuple[int, int]]:
    return [(line["quantity"], line["paid_price"]) for line in (command.body or {})["lines"]]


@given(cents=some.integers(0, 10**7), quantity=some.integers(1, 99))
def test_lines_make_the_exact_total_and_the_exact_number(cents: int, quantity: int) -> None:
    lines = cdnow.prices(cents, quantity)
    assert sum(many * each for many, each in lines) == cents
    assert sum(many for many, _ in lines) == quantity
    assert len(lines) == (1 if cents % quantity == 0 else 2)
    assert all(one - other == 1 for (_, one), (_, other) in pairwise(lines))


def test_a_customer_is_enrolled_once_before_the_first_purchase(tmp_path: Path) -> None:
    file = written(tmp_path / "cd.txt", [" 00004 19970301  2   29.33", " 00004 19970101  1    0.00", " 00005 19970102  1   12.00"])
    commands = list(cdnow.commands(cdnow.read(file)[0]))
    assert [command.operation for command in commands] == ["enrolMember", "recordTransaction", "recordTransaction", "enrolMember", "recordTransaction"]
    assert (commands[0].body or {})["occurred_at"] == (commands[2].body or {})["occurred_at"] == "1997-01-01T12:00:00.000Z"
    assert "programme" not in (commands[0].body or {})
    assert lines_of(commands[1]) == [(1, 1467), (1, 1466)]
    assert lines_of(commands[2]) == [(1, 0)]
    assert (commands[1].body or {})["currency"] == "USD"


def test_two_purchases_of_one_day_are_two_documents(tmp_path: Path) -> None:
    same = " 00002 19970112  1   12.00"
    read, _ = cdnow.read(written(tmp_path / "cd.txt", [same, same]))
    assert [purchase.document for purchase in read] == ["cdnow-00002-1", "cdnow-00002-2"]
    assert len({(command.body or {})["id"] for command in cdnow.commands(read)}) == 3


def test_a_customers_documents_are_the_same_in_a_shorter_file(tmp_path: Path) -> None:
    lines = purchases(30)
    whole, _ = cdnow.read(written(tmp_path / "whole.txt", lines))
    part, _ = cdnow.read(written(tmp_path / "part.txt", [line for line in lines if int(line.split()[0]) > 20]))
    documents = {command.key: (command.body or {}) for command in cdnow.commands(whole)}
    assert part
    assert all(documents[command.key] == command.body for command in cdnow.commands(part))


def test_a_line_that_is_no_purchase_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    wrong = ["00001 19970101 1", "00001 19971301 1 11.77", "00001 19970101 0 11.77", "00001 19970101 1 11.775"]
    wrong += ["00001 19970101 1 eleven", "", "00001 19970101 1 -1"]
    read, refused = cdnow.read(written(tmp_path / "cd.txt", [*wrong, "00001 19970101 1 11.77"]))
    assert [refusal.line for refusal in refused] == [1, 2, 3, 4, 5, 7]
    assert [(purchase.line, purchase.cents) for purchase in read] == [(8, 1177)]
