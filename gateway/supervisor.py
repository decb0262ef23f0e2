"""Keep the shipper running beside the gateway: a process of its own, so that neither waits for or dies with the other's work."""

import asyncio
import logging
import os
import signal
import sys

from gateway.config import BASE_DIR, Config

log = logging.getLogger("latchkey.gateway")

_RESTART_S = 0.2
_RESTART_MAX_S = 5.0
_STEADY_S = 10.0
_STOP_S = 5.0


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
        """Have the shipper take the last records along, and wait for it up to 5 s."""
        if self._task is not None:
            self._task.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = _RESTART_S
        environment = {
            **os.environ,
            "DATA_DIR": str(self._config.data_dir.absolute()),
            "GATEWAY_NAME": self._config.name,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(BASE_DIR), os.environ.get("PYTHONPATH")))),
        }
        while True:
            started_at = loop.time()
            # In a session of its own, so that Ctrl-C reaches the gateway alone, which then ends the shipper last.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway.shipper", "--parent", str(os.getpid()),
                env=environment, start_new_session=True,
            )  # fmt: skip
            code = await self._process.wait()
            pause_s = _RESTART_S if loop.time() - started_at > _STEADY_S else min(2 * pause_s, _RESTART_MAX_S)
            log.warning("The shipper ended (%d); starting it again in %.1f s.", code, pause_s)
            await asyncio.sleep(pause_s)
