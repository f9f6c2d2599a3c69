"""Which alerts are there, and which page belongs to each?"""

from crm_watching.alerts import ALERTS

_QUESTIONS = {"late": "Is anything late?", "stuck": "Is anything stuck?", "lost": "Is anything lost?", "slow": "Is anything slow?"}
_HEAD = """# Runbooks

A page for each alert: what it means, how to look, what to do. This list is made from the code (`make watching`). A *page* wakes somebody up; a *ticket* waits
for the morning. The rules are in `deploy/prometheus/rules`; `promtool test rules deploy/prometheus/tests/*.yml` shows each of them firing and not firing.

The pages take for granted what the [front page](../../README.md#five-minutes) sets up: `build/stack.env` read into the shell, and `crm` to ask with a token.
"""


def index() -> str:
    """The page that lists them all, by the question they answer."""
    parts = [_HEAD]
    for question, title in _QUESTIONS.items():
        rows = [alert for alert in ALERTS if alert.question == question]
        told = [f"| [{each.name}]({each.name}.md) | {each.severity} | {_plain(each.summary)} | `{_cell(each.expr)}` for {each.after} |" for each in rows]
        parts.append(f"## {title}\n\n| Alert | Severity | Says | When |\n|---|---|---|---|\n" + "\n".join(told) + "\n")
    return "\n".join(parts)


def _plain(summary: str) -> str:
    return summary.replace("{{ $labels.", "*").replace(" }}", "*")


def _cell(expr: str) -> str:
    return expr.replace("|", "\\|")
