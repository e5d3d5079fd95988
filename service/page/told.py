"""What was started on a run, in words: with which options, and what came of it."""

from ...loop.wording import count
from ..api.views import TaskView


def asked(task: TaskView) -> str:
    """Say what of a task's options matters: where to, and whether it is for all to see or for nobody."""
    given = {"dry_run": "dry run", "public": "public", "restored": "the restored model"}
    told = [said for name, said in given.items() if task.options.get(name)]
    return ", ".join([str(task.options["repo"]), *told] if "repo" in task.options else told)


def came(task: TaskView) -> str:
    """Say what a run holds after a task that goes on with it; empty for other tasks."""
    found = task.result or {}
    if "nothing_to_do" not in found:
        return ""
    held = [f"{count(found['pairs'], 'pair')}, {found['test_pairs']:,} set aside"]
    if found["restored"] is not None:
        held.append(f"restored solves {found['restored']:.1%}")
    if found["recovery"] is not None:
        held.append(f"recovery {found['recovery']:.2f}")
    return ("Nothing had to be done: " if found["nothing_to_do"] else "") + ", ".join(held)
