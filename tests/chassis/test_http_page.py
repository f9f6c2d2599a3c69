"""Does docs/http.md name only what there is?"""

import re
from pathlib import Path

import httpx2
from crm_chassis.problems import KINDS
from crm_chassis.settings import ServiceSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "http.md").read_text()


async def test_the_page_names_problems_settings_and_metrics_that_exist(http: httpx2.AsyncClient) -> None:
    problems = set(re.findall(r"\d{3} `([a-z-]+)`", PAGE))
    assert len(problems) >= 10 and problems <= KINDS.keys()
    settings = set(re.findall(r"\b(CORS_ORIGINS|[A-Z]+_[A-Z_]+)\b", PAGE)) | {"RELAY", "TIMER", "FOLLOW", "ENVIRONMENT"}
    assert {name.lower() for name in settings} <= ServiceSettings.model_fields.keys()
    told = (await http.get("/metrics")).text
    for name in re.findall(r"`(http_\w+|build_info)`", PAGE):
        assert f"# TYPE {name.removesuffix('_total')}" in told, name
