"""Is each of the forty failures of other products a test of ours, by its number, and does the page say which, and which are not yet?"""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "regressions.md"
NUMBERED = re.compile(r"test_t(\d\d)_\w+")
ROW = re.compile(r"^\| T(\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\(\.\./([^)]+)\)")


def test_the_page_names_the_file_of_every_number_and_what_has_none() -> None:
    tests = defaultdict[int, set[str]](set)
    for file in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (named := NUMBERED.fullmatch(node.name)):
                tests[int(named[1])].add(file.relative_to(ROOT).as_posix())
    told = {int(number): cell.strip() for number, cell in ROW.findall(PAGE.read_text())}
    assert set(told) == set(range(1, 41))
    assert {number: set(LINK.findall(cell)) for number, cell in told.items() if cell != "not yet"} == tests
