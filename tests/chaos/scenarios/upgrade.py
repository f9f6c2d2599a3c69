"""Can every process be replaced by its next release, and the read model by the next release's fold, without a client noticing?"""

import asyncio
import io
import os
import subprocess
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chaos.broken import Broken
from chaos.ground import Ground, Unfelt
from chaos.scenario import scenario

ROOT = Path(__file__).resolve().parents[3]
PREVIOUS = os.environ.get("CHAOS_PREVIOUS", "HEAD~1")  # the release to come from
DRAIN = {"DRAIN_SECONDS": "2"}  # of a process that is replaced: a client that is late still gets its answer
WRITERS = ("contacts", "tickets", "loyalty")


@scenario("rolling-upgrade", faults=(17,), invariants="I1 I5 I14", own_stack=True)
async def rolling_upgrade(ground: Ground) -> None:
    """From the previous commit, whose fold is made to differ, to this one: no request is refused, left without an answer, or answered by an empty view."""
    older = await asyncio.to_thread(_previous, ground.stack.data_dir / "previous")
    await _rebuilt(ground, PYTHONPATH=older)
    await asyncio.gather(*(ground.restart(name, PYTHONPATH=older, **DRAIN) for name in (*WRITERS, "reporting", "projector", "composer")))
    await ground.load.more(60)
    unknown = ground.history.unknown
    async with _reading(ground):
        await asyncio.gather(*(_replace(ground, name) for name in WRITERS))
        await ground.beside("composer-next", "reporting", "composer")
        await _rebuilt(ground)
        ground.note("the next release's build is active")
        await _replace(ground, "reporting")
        await ground.restart("projector")
        await ground.dismiss("composer-next")
        await ground.restart("composer")
        await ground.load.more(30)
    if ground.history.unknown > unknown:
        raise Broken("I14", f"{ground.history.unknown - unknown} commands were left without an answer while processes were replaced")


async def _replace(ground: Ground, name: str) -> None:
    """Its next release answers beside it, then clients go over, then it is asked to end; and the same once more, to its own port."""
    if name in WRITERS:
        done = await ground.run(name, "migrate")
        assert done.returncode == 0, done.stderr
    its_own = ground.load.urls[name]
    ground.load.urls[name] = await ground.beside(f"{name}-next", name, "api", **DRAIN)
    await ground.load.more(15)
    await ground.restart(name)
    ground.load.urls[name] = its_own
    await ground.load.more(15)
    await ground.dismiss(f"{name}-next")


@asynccontextmanager
async def _reading(ground: Ground) -> AsyncIterator[None]:
    """A reader looks at one customer all the time: every answer must be the whole view."""
    customer, wrong = ground.load.plans[0].customers[0].id, list[str]()

    async def read() -> None:
        while True:
            answer = await ground.load.send("reporting", "GET", f"/v1/customers/{customer}?fields=contact")
            if answer.status_code != 200:
                wrong.append(f"{answer.status_code} {answer.text[:200]}")
            await asyncio.sleep(0.05)

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    if wrong:
        raise Broken("I14", f"{len(wrong)} reads failed while processes were replaced: {wrong[0]}")


async def _rebuilt(ground: Ground, **settings: str) -> None:
    done = await ground.run("reporting", "rebuild", "--if-needed", **settings)
    if done.returncode or "is active" not in done.stdout:
        raise Unfelt(f"the other release's fold is not another one: {done.stdout}{done.stderr}"[-500:])


def _previous(folder: Path) -> str:
    """The previous commit's packages, to be put on PYTHONPATH; its fold is another definition even where that commit did not change it."""
    packed = subprocess.run(["git", "archive", "--format=zip", PREVIOUS, "libs", "services"], cwd=ROOT, capture_output=True, check=True).stdout
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(folder)
    compose = folder / "services" / "reporting" / "crm_reporting" / "compose.py"
    compose.write_text(compose.read_text() + "\n# The fold of the release before.\n")
    return os.pathsep.join(str(path) for pattern in ("libs/*", "services/*") for path in sorted(folder.glob(pattern)))
