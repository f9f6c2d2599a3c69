"""Would anybody who reads events break by what is committed now? Each schema against an earlier commit's, in both directions."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crm_events.changes import differences
from crm_events.compatibility import broken
from crm_events.registry import REGISTRY
from crm_events.schemas import PUBLISHED, of_model

from crm_contract.places import ROOT

Schemas = Mapping[tuple[str, int], Mapping[str, Any]]
_FOLDER = "libs/events/schemas"


class Judged(NamedTuple):
    """One schema. `breaks`: for whom, in words; nothing: nobody."""

    type: str
    version: int
    verdict: str
    breaks: tuple[str, ...] = ()


def kept(place: Path = PUBLISHED) -> Schemas:
    """The schemas that are committed."""
    return {(file.parent.name, int(file.stem)): json.loads(file.read_bytes()) for file in place.glob("*/*.json")}


def kept_at(commit: str, root: Path = ROOT) -> Schemas | None:
    """Those of an earlier commit; None where that commit is not here, as in a shallow clone."""
    listed = _git(root, "ls-tree", "-r", "--name-only", commit, _FOLDER)
    if listed is None:
        return None
    files = [Path(name) for name in listed.splitlines() if name.count("/") == 4 and name.endswith(".json")]
    return {(file.parent.name, int(file.stem)): json.loads(_git(root, "show", f"{commit}:{file}") or "{}") for file in files}


def now() -> Schemas:
    """The schemas of the code, and the kept ones of older versions."""
    return {**kept(), **{(kind.type, kind.schema_version): of_model(kind.model) for kind in REGISTRY.values()}}


def compared(before: Schemas, after: Schemas | None = None) -> Sequence[Judged]:
    """Every schema that there is or was, in order."""
    after = now() if after is None else after
    return [_judged(*key, before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys())]


def _judged(type_: str, version: int, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Judged:
    if before is None:
        return Judged(type_, version, "new")
    if after is None:
        return Judged(type_, version, "gone", ("What was written can no longer be read.",))
    if before == after:
        return Judged(type_, version, "unchanged")
    found = broken(dict(before), dict(after))
    return Judged(type_, version, "; ".join(differences(before, after)), tuple(found))


def report(judged: Sequence[Judged], against: str) -> str:
    """In lines: how many stayed, and each that did not."""
    changed = [each for each in judged if each.verdict != "unchanged"]
    same, breaking = len(judged) - len(changed), sum(bool(each.breaks) for each in changed)
    head = f"{len(judged)} schemas of events, compared with {against}: {same} unchanged, {breaking} break readers."
    return "\n".join([head, *(f"  {each.type}/{each.version}: {each.verdict}. {' '.join(each.breaks) or 'Breaks nobody.'}" for each in changed)])


def _git(root: Path, *words: str) -> str | None:
    ran = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
    return ran.stdout if ran.returncode == 0 else None
