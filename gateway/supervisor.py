"""Keep the shipper running beside the gateway: a process of its own, so that neither waits for or dies with the other's work."""

import asyncio
import logging
import os
import sys

from gateway.config import BASE_DIR, Config

log = logging.getLogger("latchkey.gateway")

_RESTART_S = 0.2
_RESTART_MAX_S = 5.0
_STEADY_S = 10.0
_STOP_S = 4.0


class Supervisor:
    """Starts the shipper, and again when it dies. It dies by itself when the gateway does."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Have the shipper take the last records along, within some seconds. What it cannot take waits on disk."""
        if self._task is None:
            return
        self._task.cancel()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._wait(self._process)
        if self._process is None or self._process.returncode != 0:  # it was not there, or too young to know the signal
            await self._wait(await self._start("--once"))

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = _RESTART_S
        while True:
            started_at = loop.time()
            self._process = await self._start()
            code = await self._process.wait()
            pause_s = _RESTART_S if loop.time() - started_at > _STEADY_S else min(2 * pause_s, _RESTART_MAX_S)
            log.warning("The shipper ended (%d); starting it again in %.1f s.", code, pause_s)
            await asyncio.sleep(pause_s)

    async def _start(self, *options: str) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "DATA_DIR": str(self._config.data_dir.absolute()),
            "GATEWAY_NAME": self._config.name,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(BASE_DIR), os.environ.get("PYTHONPATH")))),
        }
        # In a session of its own, so that Ctrl-C reaches the gateway alone, which then ends the shipper last.
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.shipper", "--parent", str(os.getpid()), *options,
            env=environment, start_new_session=True,
        )  # fmt: skip

    @staticmethod
    async def _wait(process: asyncio.subprocess.Process) -> None:
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
