"""Which contacts of a file are somebody known already? One line of NDJSON each: registered, there before, the same as another, or refused, and why.

No value of the file is repeated but the source's own key. Which pairs are suggested is asked when the import has ended; the same import again asks anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson

from crm_importers.command import Command
from crm_importers.sending import Stopped
from crm_importers.tally import Refusal, detail_of, made_before

REGISTERED = "registerContact"
TAKEN = "/problems/identifier-taken"


@dataclass(slots=True)
class Duplicates:
    """What became of each registration of one import, by its contact. `system`: what the source is called."""

    system: str
    _lines: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answered(self, command: Command, answer: Mapping[str, Any]) -> None:
        """Hear a final answer; of the commands of a contact only its registration says who it is."""
        if command.operation != REGISTERED:
            return
        body, problem = command.body or {}, answer.get("problem")
        told: dict[str, Any] = {"line": command.line, "system": self.system, "key": body["source"]["reference"], "contact_id": body["id"]}
        if problem is None:
            told["outcome"] = "there_before" if answer.get("replayed") else "registered"
        elif made_before(command, problem):
            told["outcome"] = "there_before"
        elif problem.get("type") == TAKEN:
            told |= {"outcome": "same_as", "same_as": problem.get("conflicting_contact_id"), "merge": problem.get("merge")}
        else:
            told |= {"outcome": "refused", "problem": str(problem.get("type", "")).rpartition("/")[2], "detail": detail_of(problem)}
        self._lines[str(body["id"])] = told | {"suggested": []}

    async def ask(self, contacts: httpx2.AsyncClient) -> None:
        """Put to each contact the open pairs that it is one of. Raises Stopped where the queue may not be read."""
        cursor = ""
        while True:
            answer = await contacts.get(f"/v1/matches?limit=200{cursor}")
            if answer.status_code != 200:
                raise Stopped(f"contacts: it answers {answer.status_code} when asked who may be one customer. The report needs a token with contacts:merge.")
            page = answer.json()
            for pair in page["items"]:
                best = max(pair["suggestions"], key=lambda each: int(each["score"]))
                for one, other in ((pair["customer_id"], pair["other_id"]), (pair["other_id"], pair["customer_id"])):
                    if one in self._lines:
                        told = {"match_id": pair["id"], "other_id": other, "rule": best["rule"], "score": best["score"]}
                        self._lines[one]["suggested"].append(told)
            if page["next"] is None:
                return
            cursor = f"&cursor={page['next']}"

    def write(self, file: Path, refused: Iterable[Refusal]) -> None:
        """The report, in the order of the file. `refused`: the lines that the reader could not understand."""
        unread = [{"line": each.line, "system": self.system, "outcome": "unreadable", "detail": each.detail} for each in refused]
        lines = sorted([*self._lines.values(), *unread], key=lambda told: int(told["line"]))
        file.write_bytes(b"".join(orjson.dumps(told) + b"\n" for told in lines))
