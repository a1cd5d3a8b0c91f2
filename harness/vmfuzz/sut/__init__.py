"""A live system: an agent behind pipes, what it is asked, and how its answers are judged."""
