"""Does a process say that it can work, and if not, why?"""

import json
import urllib.error
import urllib.request

# No proxy: these are processes of this machine.
_OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def reasons(url: str, seconds: float = 3) -> list[str]:
    """Ask `url`/readyz; return why it is not ready, the empty list meaning that it is."""
    try:
        with _OPEN.open(f"{url}/readyz", timeout=seconds):
            return []
    except urllib.error.HTTPError as answer:
        with answer:
            return _told(answer.read()) or [f"/readyz answers {answer.code}"]
    except OSError as error:
        return [f"does not answer ({getattr(error, 'reason', error)})"]


def _told(body: bytes) -> list[str]:
    try:
        document = json.loads(body)
        checks = document.get("checks", document)
        return [f"{name}: {check['reason']}" for name, check in checks.items() if isinstance(check, dict) and not check.get("ok", True)]
    except (ValueError, AttributeError, KeyError):
        return [body.decode(errors="replace")[:200]] if body else []
