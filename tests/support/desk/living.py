"""How does a test bring an app to life, and with which key?"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from fastapi import FastAPI

KEY = base64.b64encode(bytes(range(32))).decode()


@asynccontextmanager
async def alive(app: FastAPI) -> AsyncIterator[FastAPI]:
    """The app between its start and its end: the transport of the tests runs no lifespan."""
    async with app.router.lifespan_context(app):
        yield app


def client(app: FastAPI) -> httpx2.AsyncClient:
    """A client of an app in this process."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://desk")
