"""The trace explorer: what a page needs to step through a trace, computed by replaying it."""
