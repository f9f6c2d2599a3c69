"""Can each distribution be installed by what it declares, and does the lock hold exactly that?"""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for pattern in ("libs/*", "services/*", "deploy/*") for path in ROOT.glob(f"{pattern}/pyproject.toml"))
PROJECTS = {project["name"]: (file.parent, project) for file in FILES for project in [tomllib.loads(file.read_text())["project"]]}
EVERYTHING = """
import importlib, pkgutil, sys, crm_events
for module in pkgutil.walk_packages(crm_events.__path__, "crm_events."):
    importlib.import_module(module.name)
print(*sys.modules)
"""
OWNERS = packages_distributions()  # by import name
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def normal(requirement: str) -> str:
    """The distribution's name in a requirement, in the one spelling."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement).group()).lower()  # type: ignore[union-attr]


def declared(name: str) -> set[str]:
    """What the distribution declares, and what the libraries of this project that it declares do: a service mounts the chassis with all it brings."""
    own = {normal(requirement) for requirement in PROJECTS[name][1]["dependencies"]}
    return own.union(*(declared(other) for other in own if other in PROJECTS))


def imported(folder: Path) -> set[str]:
    """Top-level names of what its modules import, but for the standard library and itself."""
    found: set[str] = set()
    for module in folder.glob("crm_*/**/*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    own = {package.name for package in folder.glob("crm_*")}
    return found - own - sys.stdlib_module_names


@pytest.mark.parametrize("name", sorted(PROJECTS))
def test_a_distribution_declares_what_it_imports(name: str) -> None:
    extras = PROJECTS[name][1].get("optional-dependencies", {}).values()
    allowed = declared(name) | {normal(requirement) for extra in extras for requirement in extra}
    undeclared = {module for module in imported(PROJECTS[name][0]) if not allowed & {normal(owner) for owner in OWNERS.get(module, [module])}}
    assert undeclared == set()


def requirements(file: str) -> set[str]:
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    return {normal(line) for line in lines if line and not line.startswith(("#", "-"))}


def test_the_image_holds_what_the_libraries_and_services_declare_and_no_more() -> None:
    wanted = {dependency for name in PROJECTS if name not in ("crm-local", "crm-watching", "crm-contract", "crm-site") for dependency in declared(name)} - set(
        PROJECTS
    )
    assert requirements("runtime.in") == wanted


def test_a_checkout_holds_what_the_local_stack_declares() -> None:
    assert declared("crm-local") - set(PROJECTS) <= requirements("dev.in") | requirements("runtime.in")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_holds_hashes_and_no_addresses(lock: Path) -> None:
    text = lock.read_text()
    assert re.search(r"https?:|--index|--find-links|--extra-index", text) is None
    pinned = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert pinned
    assert [line for line in pinned if "==" not in line] == []
    assert text.count("--hash=sha256:") >= len(pinned)


def test_one_version_of_each_package_is_locked() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for line in re.findall(r"^([a-z0-9][^ =\[]*)(?:\[[^\]]*\])?==([^ ;\\]+)", lock.read_text(), re.MULTILINE):
            versions.setdefault(line[0], set()).add(line[1])
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_a_subscriber_gets_no_web_framework_with_the_events_library() -> None:
    """In a fresh interpreter, as what `__init__` files pull in is seen only there."""
    loaded = subprocess.run([sys.executable, "-c", EVERYTHING], capture_output=True, text=True, check=True).stdout.split()
    assert "crm_events.registry" in loaded
    assert {"fastapi", "starlette", "uvicorn", "crm_chassis"} & set(loaded) == set()
