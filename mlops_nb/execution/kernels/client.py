"""A client that waits for what a kernel says, and not for silence."""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient

# Before it is asked again: a subscription may reach the kernel after the first answer was published.
_AGAIN_S = 0.25


class PromptClient(AsyncKernelClient):
    """Takes a kernel as ready when both its channels have answered one request.

    The stock client then waits until nothing was published for 0.2 s. A kernel publishes that it is idle as the last
    message of a request, so that one says the same.
    """

    async def _async_wait_for_ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the stock signature
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            asked = self.kernel_info()
            if await self._answered(asked):
                return
            if not await self._async_is_alive():
                message = "Kernel died before replying to kernel_info"
                raise RuntimeError(message)
            if until is not None and time.monotonic() > until:
                message = f"Kernel didn't respond in {timeout} seconds"
                raise RuntimeError(message)

    wait_for_ready = _async_wait_for_ready

    async def _answered(self, asked: str) -> bool:
        wait_s = 1.0
        for take, kind, state in (
            (self.get_shell_msg, "kernel_info_reply", None),
            (self.get_iopub_msg, "status", "idle"),
        ):
            until = time.monotonic() + wait_s
            while True:
                try:
                    message: dict[str, Any] = await take(timeout=max(0.0, until - time.monotonic()))
                except Empty:
                    return False
                ours = message["parent_header"].get("msg_id") == asked and message["msg_type"] == kind
                if ours and message["content"].get("execution_state") == state:
                    if state is None:
                        self._handle_kernel_info_reply(message)
                    break
            wait_s = _AGAIN_S
        return True
