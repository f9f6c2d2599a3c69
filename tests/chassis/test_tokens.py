"""Does only a token that the issuer signed for us, and that is good now, let anybody in?"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from crm_chassis.auth import Authenticator
from crm_chassis.issuer import Issuer, NotInProduction
from crm_chassis.keys import Keys
from crm_chassis.problems import Problem
from crm_events.refusals import Unavailable
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from problem_asserts import keyed, problem

JARS = "/v1/jars"


@pytest.fixture(scope="module")
def forge(issuer: Issuer) -> Callable[..., str]:
    """A token as the issuer would sign it, with other claims, head, key or algorithm."""
    private = serialization.load_pem_private_key((issuer.jwks.parent / "issuer.key.pem").read_bytes(), None)
    kid = json.loads(issuer.jwks.read_text())["keys"][0]["kid"]

    def make(claims: dict[str, Any] | None = None, head: dict[str, Any] | None = None, key: Any = private, algorithm: str = "ES256") -> str:
        told = {"iss": "crm-development", "aud": "crm", "sub": "s", "scope": "contacts:read", "exp": time.time() + 60} | (claims or {})
        told = {name: value for name, value in told.items() if value is not None}
        # jwt.encode refuses odd claims, such as a number as `sub`; whoever signs elsewhere need not.
        return jwt.PyJWS().encode(json.dumps(told).encode(), key, algorithm=algorithm, headers={"kid": kid} | (head or {}))

    return make


async def asked(http: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await http.get(JARS, headers={"Authorization": f"Bearer {token}"})


async def test_a_token_of_the_issuer_is_good(http: httpx2.AsyncClient, forge) -> None:
    for claims in ({}, {"aud": ["other", "crm"]}, {"scope": ["contacts:read"]}, {"nbf": time.time() + 2}, {"exp": time.time() - 2}):
        assert (await asked(http, forge(claims))).status_code == 200, claims


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": None},
        {"nbf": 9_999_999_999},
        {"iss": "somebody"},
        {"iss": None},
        {"aud": "others"},
        {"aud": None},
        {"sub": None},
        {"sub": 7},
        {"customer_id": "nobody"},
        {"actor": "timer"},
        {"actor": "customer:1"},
        {"actor": "agent:ann@example.org"},
        {"scope": 7},
    ],
)
async def test_other_claims_are_not(http: httpx2.AsyncClient, forge, claims: dict[str, Any]) -> None:
    problem(await asked(http, forge(claims)), 401, "unauthenticated")


def _part(data: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


async def test_no_signature_is_no_signature(http: httpx2.AsyncClient, forge) -> None:
    head, body, signature = forge().split(".")
    for algorithm in ("none", "None", "NONE", ""):
        for end in ("", signature):
            problem(await asked(http, f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{body}.{end}"), 401, "unauthenticated")
    problem(await asked(http, f"{head}.{body}."), 401, "unauthenticated")


async def test_a_public_key_is_no_shared_secret(http: httpx2.AsyncClient, forge, issuer: Issuer) -> None:
    """The classic: sign with HS256, the published key being the secret."""
    document = json.loads(issuer.jwks.read_text())["keys"][0]
    public = ECAlgorithm.from_jwk(document).public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    import hashlib
    import hmac

    for secret in (public, json.dumps(document).encode(), document["x"].encode()):
        signed = f"{_part({'alg': 'HS256', 'kid': document['kid']})}.{forge().split('.')[1]}"
        mark = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), hashlib.sha256)).rstrip(b"=").decode()
        problem(await asked(http, f"{signed}.{mark}"), 401, "unauthenticated")


async def test_a_tampered_or_foreign_token_is_refused(http: httpx2.AsyncClient, forge) -> None:
    good = forge()
    head, body, signature = good.split(".")
    more = json.loads(base64.urlsafe_b64decode(body + "==")) | {"scope": "contacts:read contacts:write"}
    stranger = ec.generate_private_key(ec.SECP256R1())
    bad = [
        good[:-3] + "abc",
        f"{head}.{_part(more)}.{signature}",
        forge(key=stranger),
        forge(head={"kid": "unknown"}),
        forge(key=stranger, head={"jwk": ECAlgorithm.to_jwk(stranger.public_key(), as_dict=True)}),
        forge(head={"crit": ["exp"]}),
        forge(key=ec.generate_private_key(ec.SECP384R1()), algorithm="ES384"),
        "",
        ".",
        "..",
        "a.b.c",
        good + ".x",
        "é",
        "x" * 5000,
    ]
    for token in bad:
        answer = await http.get(JARS, headers=[("Authorization", b"Bearer " + token.encode())])
        problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_other_schemes_and_two_tokens_are_refused(http: httpx2.AsyncClient, forge) -> None:
    for headers in ([], [("Authorization", "Basic YTpi")], [("Authorization", forge())], [("Authorization", f"Bearer {forge()}")] * 2):
        assert problem(await http.get(JARS, headers=headers), 401, "unauthenticated")
    assert (await http.get(JARS, headers={"Authorization": f"bearer {forge()}"})).status_code == 200, "the scheme's case does not matter"


async def test_a_stranger_is_told_nothing_but_that(http: httpx2.AsyncClient) -> None:
    for answer in (
        await http.post(JARS, content=b"{"),
        await http.post(JARS, content=b"a=b"),
        await http.get(f"{JARS}?colour=red"),
        await http.get(f"{JARS}/nobody"),
    ):
        problem(answer, 401, "unauthenticated")


async def test_any_one_of_the_scopes_admits_and_none_is_told(http: httpx2.AsyncClient, as_) -> None:
    assert (await http.get(JARS, headers=as_("contacts:read"))).status_code == 200
    answer = await http.post(JARS, json={"text": "a"}, headers=as_("contacts:read", "contacts:merge") | keyed())
    assert problem(answer, 403, "forbidden")["required_scope"] == "contacts:write"
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


async def test_a_customer_id_without_the_scope_self_is_no_customer(http: httpx2.AsyncClient, as_, forge) -> None:
    problem(await http.get(JARS, headers=as_("tickets:read", customer=uuid.UUID(int=1))), 403, "forbidden")
    problem(await asked(http, forge({"scope": "self"})), 403, "forbidden")


def _jwks(path: Path, *keys: tuple[str, dict[str, Any]]) -> str:
    path.write_text(json.dumps({"keys": [{**key, "kid": kid} for kid, key in keys]}))
    return str(path)


def _told() -> dict[str, Any]:
    return {"iss": "i", "aud": "a", "sub": "s", "exp": time.time() + 60}


async def test_ed25519_and_rsa_are_verified_by_their_own_keys_only(tmp_path: Path) -> None:
    edwards, rivest = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
    keys = (
        ("e", json.loads(OKPAlgorithm.to_jwk(edwards.public_key()))),
        ("r", json.loads(RSAAlgorithm.to_jwk(rivest.public_key()))),
        ("o", {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}),
    )
    good = Authenticator(Keys(_jwks(tmp_path / "jwks.json", *keys)), issuer="i", audience="a")
    for kid, key, algorithm in (("e", edwards, "EdDSA"), ("r", rivest, "RS256")):
        assert (await good.principal("Bearer " + jwt.encode(_told(), key, algorithm=algorithm, headers={"kid": kid}))).subject == "s"
    for kid, key, algorithm in (
        ("r", edwards, "EdDSA"),
        ("e", rivest, "RS256"),
        ("r", rivest, "RS512"),
        ("r", rivest, "PS256"),
        ("o", b"secretsecretsecretsecret12345678", "HS256"),
    ):
        with pytest.raises(Problem):
            await good.principal("Bearer " + jwt.encode(_told(), key, algorithm=algorithm, headers={"kid": kid}))


async def test_a_new_key_is_found_without_a_restart_and_unknown_ids_cost_one_look(tmp_path: Path) -> None:
    old, new = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    public = [(kid, json.loads(ECAlgorithm.to_jwk(key.public_key()))) for kid, key in (("old", old), ("new", new))]
    source = _jwks(tmp_path / "jwks.json", public[0])
    keys, looks = Keys(source, pause=0.05), 0
    good = Authenticator(keys, issuer="i", audience="a")
    await good.principal("Bearer " + jwt.encode(_told(), old, algorithm="ES256", headers={"kid": "old"}))
    _jwks(tmp_path / "jwks.json", *public)
    async with asyncio.timeout(5):
        while await keys.get("new") is None:
            looks += 1
            await asyncio.sleep(0)
    assert (await good.principal("Bearer " + jwt.encode(_told(), new, algorithm="ES256", headers={"kid": "new"}))).subject == "s"


async def test_an_issuer_whose_keys_cannot_be_read_is_a_dependency_that_is_away(tmp_path: Path, issuer: Issuer) -> None:
    for source in (str(tmp_path / "none.json"), "http://127.0.0.1:1/jwks", _jwks(tmp_path / "empty.json")):
        with pytest.raises(Unavailable):
            await Authenticator(Keys(source), issuer="i", audience="a").principal(f"Bearer {issuer.token()}")


async def test_a_verified_token_is_remembered_but_never_beyond_its_end(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "jwks.json"
    now = [time.time()]
    good = Authenticator(Keys(_jwks(path, ("k", json.loads(ECAlgorithm.to_jwk(key.public_key()))))), issuer="i", audience="a", clock=lambda: now[0])
    token = "Bearer " + jwt.encode(_told() | {"exp": now[0] - 3}, key, algorithm="ES256", headers={"kid": "k"})
    longer = "Bearer " + jwt.encode(_told() | {"exp": now[0] + 9000}, key, algorithm="ES256", headers={"kid": "k"})
    first = await good.principal(longer)
    assert await good.principal(longer) is first
    again = await good.principal(token)
    assert await good.principal(token) is not again, "within the leeway, but not remembered"
    now[0] += 61
    assert await good.principal(longer) is not first


def test_the_development_issuer_refuses_production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(NotInProduction):
        Issuer(tmp_path)


def test_the_issuer_keeps_its_key_to_itself_and_for_the_next_time(tmp_path: Path) -> None:
    first, again = Issuer(tmp_path), Issuer(tmp_path)
    assert (tmp_path / "issuer.key.pem").stat().st_mode & 0o077 == 0
    assert "d" not in json.loads(first.jwks.read_text())["keys"][0]
    key = jwt.PyJWKSet.from_json(first.jwks.read_text()).keys[0]
    assert jwt.decode(again.token(days=1), key, algorithms=["ES256"], audience="crm")["sub"] == "developer"
    for wrong in (["contacts:fly"], ["self"]):
        with pytest.raises(ValueError):
            first.token(wrong)
