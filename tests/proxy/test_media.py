"""Forms with files, sound, and what else of OpenAI's passes unread; files that are stored."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
from aiohttp import FormData, web
from yarl import URL

from gateway.entities import Resilience
from tests.proxy.rig import CANARY, CLIENT_KEY, Endpoint, Model, Rig

SOUND = bytes(range(256)) * 40
DESCRIPTORS = Path("/proc/self/fd")
PATH = "/v1/audio/translations"


@dataclass
class Provider:
    """A provider of media on loopback, and what it has been asked."""

    url: str = ""
    status: int = 200
    cut: bool = False
    calls: list[dict[str, Any]] = field(default_factory=list)
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.released.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        call: dict[str, Any] = {"method": request.method, "path": request.path}
        call["auth"] = request.headers.get("authorization")
        self.calls.append(call)
        if request.content_type == "multipart/form-data":
            call["form"] = await self._read_form(request)
        elif request.can_read_body:
            call["json"] = await request.json()
        await self.released.wait()
        if self.status != 200:
            return web.json_response({"error": {"message": "busy"}}, status=self.status)
        if request.path.endswith("/speech"):
            return await self._speak(request)
        if call.get("form", {}).get("stream") == "true":
            return await self._stream(request)
        return web.json_response(
            {"text": "hello", "usage": {"input_tokens": 5, "output_tokens": 2}}
        )

    @staticmethod
    async def _read_form(request: web.Request) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        async for part in await request.multipart():
            data = await part.read()
            fields[part.name] = hashlib.sha256(data).hexdigest() if part.filename else data.decode()
        return fields

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
        await response.prepare(request)
        await response.write(SOUND[:100])
        await self.sent.wait()  # the client has had the beginning by now
        if self.cut:
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(SOUND[100:])
        return response

    @staticmethod
    async def _stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"type":"transcript.text.delta","delta":"hel"}\n\n')
        await response.write(b'data: {"type":"transcript.text.done","text":"hello"}\n\n')
        return response


@asynccontextmanager
async def serve() -> AsyncIterator[Provider]:
    provider = Provider()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", provider.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with serve() as running:
        yield running


@pytest.fixture
async def second() -> AsyncIterator[Provider]:
    async with serve() as running:
        yield running


def rig_with(*providers: Provider, tags: dict[str, str] | None = None, **settings: Any) -> Rig:
    models = [
        Model(one.url, model=f"whisper-{number}", order=number - 1 if number else None)
        for number, one in enumerate(providers)
    ]
    endpoint = Endpoint(models, tags=tags or {})
    return Rig({"media": endpoint}, settings={"max_body_bytes": 64 << 20, **settings})


async def connect(rig: Rig) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = URL(rig.url)
    return await asyncio.open_connection(place.host, place.port)


def count_deleted() -> int:
    """Count the open files of this process that have no name any more."""
    links = (str(one.readlink()) for one in DESCRIPTORS.iterdir() if one.is_symlink())
    return sum(link.endswith("(deleted)") for link in links)


def sdk(rig: Rig, path: str = "/v1") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=CLIENT_KEY, base_url=rig.url + path, max_retries=0)


@pytest.mark.parametrize("size", [100, 300_000, 3 << 20, 20 << 20])
async def test_a_file_of_any_size_arrives_with_the_models_name(
    provider: Provider, size: int
) -> None:
    file = (SOUND * (size // len(SOUND) + 1))[:size]
    async with rig_with(provider) as rig, sdk(rig) as client:
        answer = await client.audio.transcriptions.create(model="media", file=("a.wav", file))
    assert answer.text == "hello"
    (call,) = provider.calls
    assert call["path"] == "/v1/audio/transcriptions"
    assert call["auth"] == f"Bearer {CANARY}"
    assert call["form"]["model"] == "whisper-0"
    assert call["form"]["file"] == hashlib.sha256(file).hexdigest()
    (row,) = rig.ledger.rows
    assert (row.status, row.input_tokens, row.output_tokens) == (200, 5, 2)


async def test_the_models_name_may_stand_behind_the_file(provider: Provider) -> None:
    data = FormData()
    data.add_field("file", io.BytesIO(SOUND * 200), filename="a.wav")
    data.add_field("model", "media")
    async with rig_with(provider) as rig, rig.client.post(PATH, data=data) as response:
        assert response.status == 200
    assert provider.calls[0]["form"]["model"] == "whisper-0"


async def test_a_large_file_goes_to_the_next_target_too(
    provider: Provider, second: Provider
) -> None:
    provider.status = 500
    file = SOUND * 400
    async with rig_with(provider, second) as rig, sdk(rig) as client:
        await client.audio.transcriptions.create(model="media", file=("a.wav", file))
    assert provider.calls[0]["form"]["model"] == "whisper-0"
    assert second.calls[0]["form"]["model"] == "whisper-1"
    assert second.calls[0]["form"]["file"] == hashlib.sha256(file).hexdigest()
    assert [row.status for row in rig.ledger.rows] == [500, 200]


async def test_a_transcript_streams(provider: Provider) -> None:
    async with rig_with(provider) as rig, sdk(rig) as client:
        stream = await client.audio.transcriptions.create(
            model="media", file=("a.wav", SOUND), stream=True
        )
        events = [event.type async for event in stream]
    assert events == ["transcript.text.delta", "transcript.text.done"]
    assert rig.ledger.rows[0].streamed


async def test_images_are_edited(provider: Provider) -> None:
    async with rig_with(provider) as rig, sdk(rig) as client:
        await client.images.edit(
            model="media", image=[("a.png", SOUND), ("b.png", SOUND)], prompt="a hat"
        )
    assert provider.calls[0]["form"]["prompt"] == "a hat"


async def test_sound_comes_as_it_is_made(provider: Provider) -> None:
    got = b""
    async with (
        rig_with(provider) as rig,
        sdk(rig) as client,
        client.audio.speech.with_streaming_response.create(
            model="media", input="hello", voice="alloy"
        ) as response,
    ):
        async for chunk in response.iter_bytes():
            got += chunk
            provider.sent.set()  # only now the rest is made
    assert got == SOUND
    assert provider.calls[0]["json"]["model"] == "whisper-0"


async def test_sound_that_breaks_off_is_cut_and_nothing_is_put_into_it(provider: Provider) -> None:
    provider.cut = True
    got = b""
    async with rig_with(provider) as rig:
        body = {"model": "media", "input": "hello", "voice": "alloy"}
        with pytest.raises(Exception, match=r"payload is not completed|Connection"):
            async with rig.client.post("/v1/audio/speech", json=body) as response:
                async for chunk in response.content.iter_any():
                    got += chunk
                    provider.sent.set()
    assert got
    assert SOUND[:100].startswith(got)  # what may begin a credential is held back
    assert rig.ledger.rows[0].error_code == "upstream_truncated"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/images/generations", {"prompt": "a cat"}),
        ("/v1/moderations", {"input": "words"}),
        ("/v1/rerank", {"query": "a", "documents": ["b"]}),
    ],
)
async def test_other_media_pass_with_the_models_name(
    provider: Provider, path: str, body: dict[str, Any]
) -> None:
    async with rig_with(provider) as rig:
        answer = await rig.post(path, {"model": "media", **body})
    assert answer.status == 200
    assert provider.calls[0]["json"] == {"model": "whisper-0", **body}


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"prompt": "x"}, 400, "malformed"),
        ({"model": "nobody"}, 404, "endpoint_not_found"),
    ],
)
async def test_a_form_without_an_endpoint_is_refused(
    provider: Provider, fields: dict[str, str], status: int, code: str
) -> None:
    data = FormData(fields, default_to_multipart=True)
    async with rig_with(provider) as rig, rig.client.post(PATH, data=data) as response:
        assert response.status == status
        assert (await response.json())["error"]["code"] == code
    assert not provider.calls


async def test_a_form_over_the_limit_is_refused(provider: Provider) -> None:
    async with rig_with(provider, max_body_bytes=2 << 20) as rig, sdk(rig) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.audio.transcriptions.create(model="media", file=("a", SOUND * 400))
    assert caught.value.status_code == 413
    assert not provider.calls


def dump_form(framing: str) -> bytes:
    """Return the head of a form that is sent by hand; its boundary is ``b``."""
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CLIENT_KEY}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\n{framing}\r\n\r\n"
    ).encode()


FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nmedia\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n--b--\r\n'
)


async def test_a_form_in_chunks_waits_for_leave_and_arrives(provider: Provider) -> None:
    file = SOUND * 300
    async with rig_with(provider) as rig:
        reader, writer = await connect(rig)
        writer.write(dump_form("Transfer-Encoding: chunked\r\nExpect: 100-continue"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        form = FORM % file
        for start in range(0, len(form), 100_000):
            part = form[start : start + 100_000]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
        writer.write(b"0\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"200"
        writer.close()
    assert provider.calls[0]["form"]["file"] == hashlib.sha256(file).hexdigest()


async def test_a_form_that_is_cut_short_is_refused(provider: Provider) -> None:
    form = (FORM % (SOUND * 300))[:-9]
    async with rig_with(provider) as rig:
        reader, writer = await connect(rig)
        writer.write(dump_form(f"Content-Length: {len(form)}") + form)
        assert (await reader.readline()).split()[1] == b"400"
        writer.close()
    assert not provider.calls


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts what Linux lists")
async def test_clients_that_leave_in_their_uploads_leave_no_files(provider: Provider) -> None:
    async with rig_with(provider) as rig:
        before = count_deleted()
        writers = []
        for _ in range(40):
            _, writer = await connect(rig)
            writer.write(dump_form(f"Content-Length: {9 << 20}") + FORM % (SOUND * 300))
            await writer.drain()
            writers.append(writer)
        async with asyncio.timeout(20):
            while count_deleted() < before + 40:
                await asyncio.sleep(0.01)
            for writer in writers:
                writer.transport.abort()
            while count_deleted() > before:
                await asyncio.sleep(0.01)
    assert not provider.calls


async def test_an_upload_without_room_is_refused(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    async with rig_with(provider) as rig:
        reader, writer = await connect(rig)
        form = FORM % (SOUND * 300)
        writer.write(dump_form(f"Content-Length: {len(form)}") + form)
        assert (await reader.readline()).split()[1] in (b"503", b"507")
        writer.close()
    assert not provider.calls


async def test_a_hedged_endpoint_sends_a_form_to_both(provider: Provider, second: Provider) -> None:
    file = SOUND * 400
    models = [Model(provider.url, name="one"), Model(second.url, order=0, name="two")]
    hedged = Endpoint(models, resilience=Resilience(hedge=True))
    async with (
        Rig({"media": hedged}, settings={"max_body_bytes": 64 << 20}) as rig,
        sdk(rig) as client,
    ):
        form = {"model": "media", "file": ("a.wav", SOUND)}
        await asyncio.gather(*(client.audio.transcriptions.create(**form) for _ in range(30)))
        provider.released.clear()  # from here on it does not answer
        try:
            await client.audio.transcriptions.create(model="media", file=("a.wav", file))
        finally:
            provider.released.set()
    sent = hashlib.sha256(file).hexdigest()
    assert [provider.calls[-1]["form"]["file"], second.calls[-1]["form"]["file"]] == [sent, sent]


# --- what is stored -----------------------------------------------------------------------------


async def test_stored_files_are_closed_unless_an_administrator_opens_them(
    provider: Provider,
) -> None:
    async with rig_with(provider) as rig, sdk(rig, "/gateway/proxy/media/v1") as client:
        with pytest.raises(openai.NotFoundError, match=r"lockgate\.files=shared"):
            await client.files.list()
    assert not provider.calls


async def test_stored_files_and_batches_pass_where_they_are_open(provider: Provider) -> None:
    opened = rig_with(provider, tags={"lockgate.files": "shared"})
    async with opened as rig, sdk(rig, "/gateway/proxy/media/v1") as client:
        await client.files.create(file=("a.jsonl", b"{}\n" * 600_000), purpose="batch")
        await client.files.list()
        await client.files.retrieve("file-1")
        await client.files.content("file-1")
        await client.files.delete("file-1")
        await client.batches.create(
            input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
        )
        await client.batches.retrieve("batch_1")
        await client.batches.cancel("batch_1")
    assert [(call["method"], call["path"]) for call in provider.calls] == [
        ("POST", "/v1/files"),
        ("GET", "/v1/files"),
        ("GET", "/v1/files/file-1"),
        ("GET", "/v1/files/file-1/content"),
        ("DELETE", "/v1/files/file-1"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/batches/batch_1"),
        ("POST", "/v1/batches/batch_1/cancel"),
    ]
    assert {call["auth"] for call in provider.calls} == {f"Bearer {CANARY}"}


async def test_stored_files_of_two_targets_are_nobodys(
    provider: Provider, second: Provider
) -> None:
    opened = rig_with(provider, second, tags={"lockgate.files": "shared"})
    async with opened as rig:
        async with rig.client.get("/gateway/proxy/media/v1/files") as response:
            assert response.status == 404
        async with rig.client.put("/gateway/proxy/media/v1/files") as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, POST")
        async with rig.client.get("/gateway/proxy/media/v1/files/..%2fmodels") as response:
            assert response.status == 404
    assert not provider.calls
    assert not second.calls
