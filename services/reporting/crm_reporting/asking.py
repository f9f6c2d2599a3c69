"""What does a query parameter ask for, and is it something we have?"""

from collections.abc import Collection

from crm_chassis.problems import Problem


def misfit(parameter: str, code: str, detail: str) -> Problem:
    """Problem `invalid-request` about one query parameter."""
    return Problem("invalid-request", members={"errors": [{"parameter": parameter, "code": code, "detail": detail}]})


def words(told: str | None, parameter: str, allowed: Collection[str] | None = None) -> list[str]:
    """`a,b` as a list without repeats; [] when nothing was told. Problem `invalid-request` for a word that is not allowed."""
    found = list(dict.fromkeys(word.strip() for word in (told or "").split(",") if word.strip()))
    if allowed is not None and (unknown := [word for word in found if word not in allowed]):
        raise misfit(parameter, "unknown", f"{len(unknown)} of these words are not known here. Choose from: {', '.join(allowed)}.")
    return found
