"""What the routes of one service have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from acquire.service.errors import RequestRefused, not_found
from acquire.service.folders import Folders
from acquire.service.followed import FollowedRun
from acquire.service.history import History
from acquire.service.queue_service import QueueService
from acquire.service.reading import NotThere, Reader, Unreadable
from acquire.service.run_files import RunFiles
from acquire.service.run_starter import RunStarter
from acquire.service.settings import Settings
from acquire.service.tokens import Tokens
from acquire.service.watching import Watch


@dataclass
class Shared:
    """Settings, tokens, run files and what goes on. Pictures and lists have a reader of their own, so that no run is
    shown late because of them.
    """

    settings: Settings
    tokens: Tokens
    pictures: Reader
    files: RunFiles
    history: History
    watch: Watch
    starter: RunStarter
    queue: QueueService
    folders: Folders
    started: str = field(default_factory=lambda: datetime.now().astimezone().isoformat(timespec="seconds"))

    def refuse_beside_queue(self) -> None:
        """See that no run is started while the bench is locked or an item of the queue runs.

        :raises RequestRefused: so it is.
        """
        if why := self.queue.why_not_now():
            raise RequestRefused(409, why, "add it to the queue, or unlock the bench")

    def path_of(self, run_id: str) -> Any:
        """The file of a run.

        :raises RequestRefused: there is none.
        """
        followed = self.watch.run(run_id)
        path = followed.path if isinstance(followed, FollowedRun) else self.history.path_of(run_id)
        if path is None:
            raise not_found(f"there is no run {run_id[:40]}", "look it up in the history", "run_id")
        return path

    def read(self, deed: str, run_id: str, **more: Any) -> tuple[Any, list[bytes]]:
        """What the reading process makes of the file of a run.

        :raises RequestRefused: there is none, it cannot be read, or it has no such table, column or row.
        """
        path = self.path_of(run_id)
        try:
            return self.pictures.ask(deed, path, **more)
        except NotThere as error:
            raise not_found(f"the run has no {str(error)[:100]}", "look at its tables: GET runs/{run_id}") from error
        except Unreadable as error:
            raise RequestRefused(409, str(error)[:1000], "acquire recover may help, or another program") from error


def shared(request: Request) -> Shared:
    """What the routes of this service have in common."""
    found: Shared = request.app.state.shared
    return found


Here = Annotated[Shared, Depends(shared)]
