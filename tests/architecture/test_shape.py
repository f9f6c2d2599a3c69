"""Does the code keep the shape that lets a stranger find things in it? Each check says why it is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.parent for pattern in ("libs/*/crm_*", "services/*/crm_*", "deploy/*/crm_*") for path in ROOT.glob(f"{pattern}/__init__.py"))
MODULES = [module for package in PACKAGES for module in sorted(package.rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
WRITERS = ("crm_contacts", "crm_tickets", "crm_loyalty")

# Names that say nothing of the subject collect what has no home; after a year everything imports them.
SUBJECTLESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "constants", "misc"}
SENTENCE = re.compile(r"\w+\W+\w+\W+\w+.*[.?!]", re.DOTALL)
LONGEST = 350
BEGINNING = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|START TRANSACTION)\b")
SLEEP = re.compile(r"^(\w+\.)?sleep\((?!0\))")  # sleep(0) gives way and does not wait


def names(modules: list[Path]) -> list[str]:
    return [str(module.relative_to(ROOT)) for module in modules]


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(), str(module))


def found(modules: list[Path], kind: type[Node]) -> Iterator[tuple[Path, Node]]:
    for module in modules:
        for node in ast.walk(tree(module)):
            if isinstance(node, kind):
                yield module, node


def test_there_is_code_to_check() -> None:
    assert {package.name for package in PACKAGES} >= {"crm_events", "crm_chassis", "crm_importers", "crm_reporting", "crm_local", *WRITERS}
    assert len(MODULES) > 50


def test_every_import_is_absolute() -> None:
    """A module can be moved or read on its own only if its imports say where things live."""
    assert [f"{module}:{node.lineno}" for module, node in found(MODULES + TESTS, ast.ImportFrom) if node.level] == []


def test_every_module_is_named_by_its_subject() -> None:
    assert [name for name in names(MODULES) if SUBJECTLESS & {Path(name).stem, *Path(name).stem.split("_")}] == []


def test_every_module_opens_with_a_sentence() -> None:
    """The question a module answers is the first thing its reader needs; empty `__init__` files answer none."""
    silent = [module for module in MODULES + TESTS if module.read_text().strip() and not SENTENCE.search(ast.get_docstring(tree(module)) or "")]
    assert names(silent) == []


def test_no_package_re_exports() -> None:
    """Two addresses for one thing hide where it lives, and import-linter does not see through them."""
    busy = [module for module in MODULES if module.name == "__init__.py" and [node for node in tree(module).body if not isinstance(node, ast.Expr)]]
    assert names(busy) == []


def test_no_module_is_longer_than_a_sitting() -> None:
    assert [name for name, module in zip(names(MODULES), MODULES, strict=True) if len(module.read_text().splitlines()) > LONGEST] == []


def test_only_the_store_commits() -> None:
    """A write beside the store's has no position, no relay and no idempotency: nothing in a writer begins or commits one of its own."""
    writers = [module for module in MODULES if module.relative_to(ROOT).parts[2] in WRITERS and "migrations" not in module.parts]
    own = [f"{module}:{node.lineno}" for module, node in found(writers, ast.Attribute) if node.attr in {"transaction", "commit", "rollback"}]
    spoken = [f"{module}:{node.lineno}" for module, node in found(writers, ast.Constant) if BEGINNING.match(str(node.value))]
    assert own + spoken == []


def test_middleware_is_pure_asgi() -> None:
    """BaseHTTPMiddleware runs the app in another task: streams are buffered, context variables are lost, a client's leaving goes unseen."""
    assert [f"{module}:{node.lineno}" for module, node in found(MODULES, ast.alias) if node.name.endswith("BaseHTTPMiddleware")] == []


def test_every_test_module_has_a_name_of_its_own() -> None:
    """A failure is told by its file's name; two of one name send the reader to the wrong one."""
    files = [module.name for module in TESTS if module.name.startswith("test_")]
    assert sorted({name for name in files if files.count(name) > 1}) == []


def test_no_test_is_skipped() -> None:
    """A skipped test is one that nobody runs and everybody believes."""
    marks = {"skip", "skipif", "importorskip", "xfail"}
    assert [f"{module}:{node.lineno}" for module, node in found(TESTS, ast.Attribute) if node.attr in marks] == []


def test_no_test_waits_a_fixed_time() -> None:
    """A fixed wait is too long on one machine and too short on the next. Between two looks at a condition, inside a loop, a pause is right."""
    fixed = []
    for module in TESTS:
        whole = tree(module)
        inside = {id(node) for loop in ast.walk(whole) if isinstance(loop, ast.While | ast.For | ast.AsyncFor) for node in ast.walk(loop)}
        fixed += [
            f"{module}:{node.lineno}" for node in ast.walk(whole) if isinstance(node, ast.Call) and SLEEP.search(ast.unparse(node)) and id(node) not in inside
        ]
    assert fixed == []
