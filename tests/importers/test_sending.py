"""Do commands arrive once, in order, whatever the service answers in between?"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import orjson
import pytest
from crm_importers.command import Command
from crm_importers.sending import Sender, Stopped
from crm_importers.tally import Tally

Service = Callable[[list[dict[str, Any]]], httpx2.Response]


def command(number: int, chain: str = "a") -> Command:
    return Command("tickets", "addMessage", chain, f"k{number}", {"ticket_id": chain}, {"id": f"m{number}", "text": "x"}, number)


def taken(lines: list[dict[str, Any]]) -> httpx2.Response:
    return answers({"key": line["key"], "status": 201, "body": {}, "consistency_token": "tickets.3.7"} for line in lines)


def answers(told: Any) -> httpx2.Response:
    return httpx2.Response(200, content=b"".join(orjson.dumps(answer) + b"\n" for answer in told))


class Desk:
    """A service that notes what it is sent, and answers as each script entry says, then takes everything."""

    def __init__(self, *script: Service | httpx2.Response | Exception) -> None:
        self.script, self.requests, self.at_once, self.most = list(script), list[list[str]](), 0, 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        lines = [orjson.loads(line) for line in request.content.split(b"\n") if line]
        self.requests.append([line["key"] for line in lines])
        for _ in range(3):
            await asyncio.sleep(0)  # gives other lanes their turn
        self.at_once -= 1
        answer = self.script.pop(0) if self.script else taken
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else answer(lines)


async def sent(desk: Desk, commands: list[Command], **options: Any) -> Tally:
    tally = Tally()
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(desk), base_url="http://tickets") as client:
        await Sender({"tickets": client}, tally.answered, **({"pause": 0.001} | options)).send(commands)
    return tally


async def test_a_chain_is_never_overtaken_and_others_go_side_by_side() -> None:
    desk = Desk()
    tally = await sent(desk, [command(number, f"chain-{number % 7}") for number in range(400)], lanes=4, together=10)
    assert tally.accepted.total() == 400
    assert desk.most == 4
    for chain in range(7):
        arrived = [int(key[1:]) for request in desk.requests for key in request if int(key[1:]) % 7 == chain]
        assert arrived == sorted(arrived)
    assert max(len(request) for request in desk.requests) == 10


@pytest.mark.parametrize(
    "first", [httpx2.Response(503, headers={"Retry-After": "0"}), httpx2.Response(429), httpx2.ConnectError("refused"), httpx2.ReadError("broken off")]
)
async def test_a_request_without_an_answer_is_sent_again_whole(first: httpx2.Response | Exception) -> None:
    desk = Desk(first)
    tally = await sent(desk, [command(1), command(2)])
    assert desk.requests == [["k1", "k2"], ["k1", "k2"]]
    assert tally.accepted.total() == 2


async def test_a_service_that_is_slow_is_asked_for_less_at_once() -> None:
    desk = Desk(httpx2.ReadTimeout("slow"), httpx2.ReadTimeout("slow"))
    tally = await sent(desk, [command(number) for number in range(8)])
    assert [len(request) for request in desk.requests] == [8, 4, 2, 4, 2]
    assert tally.accepted.total() == 8


async def test_the_wait_that_a_service_asks_for_is_kept() -> None:
    began = asyncio.get_running_loop().time()
    await sent(Desk(httpx2.Response(503, headers={"Retry-After": "1"})), [command(1)])
    assert asyncio.get_running_loop().time() - began >= 1


async def test_a_line_that_waits_holds_up_its_own_chain_only() -> None:
    def one_waits(lines: list[dict[str, Any]]) -> httpx2.Response:
        away = {"status": 503, "problem": {"type": "/problems/dependency-unavailable"}}
        return answers({"key": line["key"]} | (away if line["key"] == "k1" else {"status": 200, "body": {}}) for line in lines)

    desk = Desk(one_waits)
    tally = await sent(desk, [command(1, "a"), command(2, "b"), command(3, "a"), command(4, "b")], lanes=1)
    assert desk.requests == [["k1", "k2", "k3", "k4"], ["k1", "k3"]]
    assert tally.accepted.total() == 4


async def test_a_service_that_stays_away_stops_the_import_and_says_how_to_go_on() -> None:
    desk = Desk(*[httpx2.ConnectError("refused")] * 100)
    with pytest.raises(Stopped, match="same import again"):
        await sent(desk, [command(1)], patience=0.02)


async def test_a_token_that_is_not_good_stops_the_import_at_once() -> None:
    problem = {"type": "/problems/forbidden", "title": "Not allowed", "detail": "Ask for tickets:write."}
    desk = Desk(httpx2.Response(403, json=problem))
    with pytest.raises(Stopped, match="Ask for tickets:write"):
        await sent(desk, [command(1)])
    assert len(desk.requests) == 1


async def test_a_request_that_is_too_large_is_sent_in_halves() -> None:
    desk = Desk(httpx2.Response(413, json={"type": "/problems/body-too-large", "detail": "Less."}))
    tally = await sent(desk, [command(number) for number in range(4)])
    assert desk.requests == [["k0", "k1", "k2", "k3"], ["k0", "k1"], ["k2", "k3"]]
    assert tally.accepted.total() == 4


async def test_refusals_are_counted_with_their_lines_and_what_is_there_is_not_one() -> None:
    def some_refused(lines: list[dict[str, Any]]) -> httpx2.Response:
        there: Mapping[str, Any] = {"type": "/problems/already-exists", "existing_id": "m1", "detail": "It is there."}
        errors = [{"pointer": "/text", "detail": "Say something."}]
        wrong: Mapping[str, Any] = {"type": "/problems/invalid-request", "errors": errors}
        other: Mapping[str, Any] = {"type": "/problems/already-exists", "existing_id": "m9", "detail": "Another has it."}
        return answers({"key": line["key"], "status": 409, "problem": each} for line, each in zip(lines, (there, wrong, other), strict=True))

    tally = await sent(Desk(some_refused), [command(1), command(2), command(3)])
    assert tally.there == {"addMessage": 1}
    assert [str(refusal) for refusal in tally.refusals] == [
        "line 2: addMessage: invalid-request: /text: Say something.",
        "line 3: addMessage: already-exists: Another has it.",
    ]
    assert not tally.whole


async def test_a_tally_names_the_newest_position_of_every_partition() -> None:
    def told(lines: list[dict[str, Any]]) -> httpx2.Response:
        tokens = ("tickets.3.9", "tickets.3.7", "contacts.0.1~contacts.1.2")
        return answers({"key": line["key"], "status": 200, "body": {}, "consistency_token": each} for line, each in zip(lines, tokens, strict=True))

    tally = await sent(Desk(told), [command(1), command(2), command(3)])
    assert tally.token() == "contacts.0.1,contacts.1.2,tickets.3.9"
