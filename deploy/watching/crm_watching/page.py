"""What does docs/metrics.md say? Every metric, from its description in the code."""

from itertools import groupby

from crm_watching.catalogue import described
from crm_watching.comparing import kind

_HEAD = """# Metrics

What do the processes tell about themselves, and what is to be done when a number is off? This page is made from the code (`make watching`); a test
compares it with what every process of a running stack serves at `/metrics`, which needs no token. None of it holds personal data.

Names end in their unit: `_seconds`, `_bytes`, `_events`, `_total` for what only grows. [Watching](watching.md) tells how to scrape them, and
which alerts and dashboards are made of them; each series then carries the label `process`, of the target it was scraped from.
"""
_ROW = "| Metric | Kind | Labels | Unit | Meaning | When it is off |\n|---|---|---|---|---|---|"


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for section, metrics in groupby(described().values(), key=lambda metric: metric.section):
        rows = list(metrics)
        served = ", ".join(f"`{process}`" for process in rows[0].by)
        parts.append(f"## {section}\n\nServed by {served}.\n\n{_ROW}")
        parts += [
            f"| `{one.name}` | {kind(one.name)} | {', '.join(f'`{label}`' for label in one.labels)} | {one.unit} | {one.text} | {one.off} |" for one in rows
        ]
        parts[-1] += "\n"
    return "\n".join(parts)
