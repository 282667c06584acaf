"""Twenty seconds of what `make soak` does for hours; soaking.py tells what that is."""

import soaking

SECONDS = 20


def everything_at_once(lane):
    soak = soaking.Soak(lane, f"{lane.seed} soak", SECONDS * (30 if lane.full else 1), tell=lane.note)
    soak.run()
    lane.note(f"{len(soak.records.ids)} transfers: {soak.records.outcomes()}")


TESTS = (
    ("mixed work, changes, rotations and kills: each request is counted once, and all is as it was",
     everything_at_once, False),
)
