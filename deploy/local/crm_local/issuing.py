"""Who signs the tokens of a local stack, and what do they allow?"""

from pathlib import Path
from typing import TYPE_CHECKING

from crm_local.failures import CannotStart

if TYPE_CHECKING:
    from crm_chassis.issuer import Issuer

# The issuer is imported where it is used: it brings the web framework along, a second that `down`, `status` and `logs` need not wait.
DAYS = 30


def public_keys(data_dir: Path) -> Path:
    """Return the file of public keys that services verify tokens by, made on first use."""
    return _issuer(data_dir).jwks


def token(data_dir: Path, *, scopes: str | None = None, customer: str | None = None, days: int = DAYS) -> str:
    """Return a development token for `scopes` (words; None: everything but self). Raises CannotStart for a scope or customer that cannot be."""
    from crm_chassis.issuer import EVERYTHING

    try:
        return _issuer(data_dir).token(scopes.split() if scopes is not None else EVERYTHING, customer=customer, days=days)
    except ValueError as error:
        raise CannotStart(str(error)) from error


def _issuer(data_dir: Path) -> "Issuer":
    from crm_chassis.issuer import Issuer, NotInProduction

    try:
        return Issuer(data_dir / "identity")
    except NotInProduction as error:
        raise CannotStart(str(error)) from error
