"""The way to other servers: where a destination lives, how safely it can be reached, and what it said."""
