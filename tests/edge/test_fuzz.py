"""Whatever is sent, does a service answer by its own document, and never by a fault? Each operation of each, with valid and invalid data, a fixed seed."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from fuzzing import SERVICES, acquaintances, fuzz, tidy

CASES, SEED = 4, 1  # `make fuzz` sends more


@pytest.fixture(scope="module")
def folder(session_folder: Path) -> Path:
    return session_folder / "fuzz"


@pytest.mark.parametrize("service", SERVICES)
def test_whatever_is_sent_is_answered_as_the_document_says(stack: Mapping[str, str], folder: Path, service: str) -> None:
    sent, wrong = fuzz(stack[f"{service.upper()}_URL"], stack["TOKEN"], known=acquaintances(stack), cases=CASES, seed=SEED, folder=folder / service)
    tidy(stack)
    assert not wrong, wrong[-6000:]
    assert sent > 300
