"""How does an operator run a service's command against the stack under test?"""

import subprocess

from crm_local.parts import PARTS
from crm_local.stack import Stack
from crm_local.telling import environment, program


def run(backbone: Stack, service: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Such as `run(backbone, "reporting", "reconcile")`; at most two minutes."""
    part = next(part for part in PARTS if part.name == service)
    return subprocess.run([program(part.service), *words], env=environment(part, backbone.surroundings()), capture_output=True, text=True, timeout=120)
