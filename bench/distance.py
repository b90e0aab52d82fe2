"""Put distance between the driver and its clusters: relays on loopback that hold back whatever passes.

Regions are far from the pipeline that rolls them out and from each other; labs are not.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import yaml

from automation.private import write_private

_CHUNK: Final = 256 * 1024


@contextmanager
def apart(kubeconfigs: Collection[Path], round_trip: float) -> Iterator[None]:
    """Lead kubeconfigs of labs to API servers that are that many seconds away and back, until this ends.

    A connection takes a round trip to open, as TCP's handshake does. The cloud stays where it is. Without distance the
    way stays as it is.
    """
    if not round_trip:
        yield
        return
    known = {file: yaml.safe_load(file.read_text()) for file in kubeconfigs}
    clusters = {file: document["clusters"][0]["cluster"] for file, document in known.items()}
    near = {file: cluster["server"] for file, cluster in clusters.items()}
    with _relays([int(server.rpartition(":")[2]) for server in near.values()], round_trip) as ports:
        try:
            for (file, document), port in zip(known.items(), ports, strict=True):
                clusters[file]["server"] = f"https://127.0.0.1:{port}"
                write_private(file, yaml.safe_dump(document))
            yield
        finally:
            for file, document in known.items():
                clusters[file]["server"] = near[file]
                write_private(file, yaml.safe_dump(document))


@contextmanager
def _relays(ports: Collection[int], round_trip: float) -> Iterator[list[int]]:
    """Yield a port of the loopback for each of those, at that distance from it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def done(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def start(port: int) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _connected(reader, writer, port, round_trip)

        return await asyncio.start_server(serve, "127.0.0.1", 0)

    async def end() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        servers = [done(start(port)) for port in ports]
        try:
            yield [server.sockets[0].getsockname()[1] for server in servers]
        finally:
            for server in servers:
                loop.call_soon_threadsafe(server.close)
            done(end())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, round_trip: float) -> None:
    """Pass on what comes from one side to the other, half a round trip later, until one of them is gone."""
    # A task of a server that is cancelled is an error to asyncio, which says so at length.
    with closing(writer), suppress(OSError, asyncio.CancelledError):
        await asyncio.sleep(round_trip)
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        with closing(forth):
            await asyncio.gather(_late(reader, forth, round_trip / 2), _late(back, writer, round_trip / 2))


async def _late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    async def leave() -> None:
        while True:
            data = await reader.read(_CHUNK)
            under_way.put_nowait((loop.time() + seconds, data))
            if not data:
                return

    await asyncio.gather(leave(), arrive())
