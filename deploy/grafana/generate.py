"""Write the dashboards: ``python deploy/grafana/generate.py``. Nothing in ``dashboards/`` is written by hand.

How all tenants stand is shown by every worker, so such queries take one of them (the recording rules do); what a worker
does is its own, so such queries add up.
"""

import json
import sys
from pathlib import Path

from boards.fleet import fleet
from boards.hub import hub
from boards.tenant import tenant
from boards.worker import worker

FOLDER = Path(__file__).parent / "dashboards"


def write(folder: Path) -> None:
    """Write every dashboard into *folder*."""
    for name, board in {"fleet": fleet(), "tenant": tenant(), "hub": hub(), "worker": worker()}.items():
        text = json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
