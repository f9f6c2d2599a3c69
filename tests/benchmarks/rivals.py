"""What would people write instead of a service of ours? `python -m benchmarks.rivals noop|select <port> [<url>]`: a FastAPI app, served as ours are."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import uvicorn
from crm_contacts.bodies import InteractionBody
from fastapi import FastAPI, Response


def noop() -> FastAPI:
    """Validates the body that ours validates, stores nothing."""
    app = FastAPI()

    @app.post("/v1/contacts/{contact_id}/interactions", status_code=201)
    async def record(contact_id: UUID, body: InteractionBody) -> dict[str, str]:
        return {"id": str(contact_id), "channel": body.channel}

    return app


def select(url: str) -> FastAPI:
    """Fetches one row by its key and returns its bytes."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=8, max_size=8) as app.state.pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/v1/customers/{customer_id}")
    async def get(customer_id: UUID) -> Response:
        body = await app.state.pool.fetchval("select body from rows where customer_id = $1", customer_id)
        return Response(body, media_type="application/json")

    return app


if __name__ == "__main__":
    kind, port, *more = sys.argv[1:]
    app = {"noop": noop, "select": select}[kind](*more)
    uvicorn.run(app, port=int(port), loop="uvloop", http="httptools", ws="none", access_log=False, log_config=None, server_header=False)
